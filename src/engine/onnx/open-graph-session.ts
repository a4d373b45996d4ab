import { InvalidArgumentError } from '../../errors.ts';
import { openNativeSession } from './native/native-session.ts';
import { type GraphSessionOptions, openPlainSession } from './plain-session.ts';
import type { Session } from './session.ts';

/** `KVSTEER_ORT=plain|native` chooses how ONNX Runtime is called: its npm binding (default), or its C API. */
export async function openGraphSession(modelPath: string, options: GraphSessionOptions): Promise<Session> {
  const choice = process.env.KVSTEER_ORT || 'plain';
  if (choice === 'native') return openNativeSession(modelPath, options);
  if (choice === 'plain') return await openPlainSession(modelPath, options);
  throw new InvalidArgumentError('KVSTEER_ORT', `KVSTEER_ORT is plain or native, but was set to ${choice}.`);
}
