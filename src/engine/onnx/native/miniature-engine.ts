/** An engine over the miniature checkpoint, for tests of life cycle and failures: loads in milliseconds, speaks numbers. */
import { join } from 'node:path';
import type { Tokenizer } from '../../engine.ts';
import { graphFileFor } from '../graph/graph-manifest.ts';
import { writeGraph } from '../graph/write-graph.ts';
import type { KvPrecision } from '../kv-precision.ts';
import { OnnxEngine } from '../onnx-engine.ts';
import { openPlainSession } from '../plain-session.ts';
import type { Session } from '../session.ts';
import { miniatureCheckpoint } from './miniature-checkpoint.ts';
import { openNativeSession } from './native-session.ts';

export const runtimes = { native: openNativeSession, plain: openPlainSession };

export interface Miniature {
  readonly folder: string;
  readonly model: Awaited<ReturnType<typeof writeGraph>>['model'];
}

/** @param folder made, with the graph in it. */
export async function writeMiniature(folder: string): Promise<Miniature> {
  return { folder, model: (await writeGraph(miniatureCheckpoint(), { precision: 'q4' }, folder)).model };
}

export interface MiniatureOptions {
  readonly kvCacheBytes?: number;
  readonly kvPrecision?: KvPrecision;
  readonly threads?: number;
  /** Put around each session that opens. */
  readonly wrap?: (session: Session) => Session;
}

export async function openMiniature(
  { folder, model }: Miniature,
  runtime: keyof typeof runtimes,
  {
    kvCacheBytes = 2 ** 26,
    kvPrecision = 'fp32',
    threads = 1,
    wrap = (session) => session,
  }: MiniatureOptions = {},
): Promise<OnnxEngine> {
  return await OnnxEngine.open({
    model: { name: 'miniature', ...model },
    capabilities: { engine: 'onnx', precision: 'q4', residualTaps: true, batching: true },
    tokenizer: numbers,
    kvCacheBytes,
    kvPrecision,
    openSession: async (taps) =>
      wrap(
        await runtimes[runtime](join(folder, graphFileFor(kvPrecision, taps)), { ...model, threads, taps }),
      ),
  });
}

/** `3 14 15` <-> [3, 14, 15]; nothing ends a text. */
const numbers: Tokenizer = {
  vocabSize: 320,
  eosTokenIds: [],
  chatTemplateHash: null,
  encode: (text) => text.split(' ').filter(Boolean).map(Number),
  decode: (tokens) => tokens.map((token) => `${token} `).join(''),
  applyChatTemplate: (messages) => messages.map(({ content }) => content).join(' '),
};
