import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { KeyMode, SteeringVector } from '../vectors/vector.ts';
import type { ModelFlags } from './options/model-options.ts';
import type { ProgressBar } from './progress-bar.ts';
import { readVector } from './read-vector.ts';
import type { Terminal } from './terminal.ts';

/** The engine of the flags. What runs models is imported only here, so that everything else starts at once. */
export async function openEngine(
  { model, precision, kvPrecision, threads }: ModelFlags,
  { signal }: Terminal,
  progress: ProgressBar,
  options: { readonly kvCacheBytes?: number } = {},
): Promise<Engine> {
  const { loadEngine } = await import('../load-engine.ts');
  const engine = await loadEngine(model, {
    ...options,
    precision,
    ...(kvPrecision !== undefined && { kvPrecision }),
    ...(threads !== undefined && { threads }),
    download: true,
    signal,
    onProgress: (event) =>
      progress.update({
        ...event,
        phase: event.phase === 'graph' ? 'preparing the model, once' : event.phase,
      }),
  });
  progress.stop();
  return engine;
}

/**
 * The engine and, where the flags name one, the vector. A vector file that speaks for itself is read first: a damaged one
 * is refused before a model is loaded.
 */
export async function openEngineAndVector<V extends string | undefined>(
  flags: ModelFlags & { readonly vector?: V; readonly keyMode?: KeyMode },
  terminal: Terminal,
  progress: ProgressBar,
): Promise<{ engine: Engine; vector: V extends string ? SteeringVector : SteeringVector | null }> {
  const { vector: path, keyMode } = flags;
  const early = path !== undefined && keyMode === undefined ? await readVector(path, terminal.signal) : null;
  const engine = await openEngine(flags, terminal, progress);
  if (path === undefined || keyMode === undefined) return { engine, vector: early as SteeringVector };
  try {
    const { loadVector } = await import('../vectors/vector-file.ts');
    const vector = await loadVector(path, { assume: engine, keyMode });
    if (vector.keyMode !== keyMode) {
      throw new InvalidArgumentError(
        'keyMode',
        `${path} says itself that its keys are ${vector.keyMode}. Leave --key-mode out.`,
      );
    }
    return { engine, vector };
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}
