import { InvalidArgumentError } from '../../errors.ts';
import { type GraphSessionOptions, openPlainSession } from './plain-session.ts';
import type { Session } from './session.ts';

/**
 * Opens a graph through ONNX Runtime's C API where its self-test passes, else through the npm binding, with a warning that
 * says why. `KVSTEER_ORT=plain|native` forces one.
 *
 * @param stateFolder keeps the verdict of the self-test.
 * @throws InvalidArgumentError for another KVSTEER_ORT; RuntimeFailureError and InvalidFileError where the graph does not load.
 */
export async function openGraphSession(
  modelPath: string,
  options: GraphSessionOptions,
  stateFolder: string,
): Promise<Session> {
  if ((await chosenRuntime(stateFolder)) === 'plain') return await openPlainSession(modelPath, options);
  const { openNativeSession } = await import('./native/native-session.ts');
  return await openNativeSession(modelPath, options);
}

async function chosenRuntime(stateFolder: string): Promise<'plain' | 'native'> {
  const forced = process.env.KVSTEER_ORT || 'auto';
  if (forced === 'plain' || forced === 'native') return forced;
  if (forced !== 'auto') {
    throw new InvalidArgumentError(
      'KVSTEER_ORT',
      `KVSTEER_ORT is plain or native, but was set to ${forced}.`,
    );
  }
  const reason = await whyNotNative(stateFolder);
  if (reason === undefined) return 'native';
  process.emitWarning(
    `ONNX Runtime's C API cannot be used here (${reason}). Going on with the slower npm binding; KVSTEER_ORT=plain silences this.`,
    'KvSteerWarning',
  );
  return 'plain';
}

async function whyNotNative(stateFolder: string): Promise<string | undefined> {
  try {
    const { nativeSelfTest } = await import('./native/self-test.ts');
    const { usable, reason } = await nativeSelfTest(stateFolder);
    if (!usable) return reason;
    // what holds in a child need not hold here: koffi may be in use with other settings
    const { loadNativeApi } = await import('./native/native-session.ts');
    loadNativeApi();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
