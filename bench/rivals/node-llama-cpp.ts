/** node-llama-cpp on the GGUF as it is (Q4_1): flash attention, F16 K/V, rows as sequences of one context. */
import { ggufPath } from './model-folders.ts';
import { serve, type Timed } from './protocol.ts';

/** What is used of the package; it is installed by setup.sh, beside this file. */
interface Sequence {
  evaluate(tokens: readonly number[], options: object): AsyncGenerator<number, void, void>;
  clearHistory(): Promise<void>;
}
interface Context {
  getSequence(): Sequence;
}
interface LlamaModule {
  getLlama(options: object): Promise<{
    loadModel(options: object): Promise<{ createContext(options: object): Promise<Context> }>;
  }>;
}

const threads = Number(process.env.BENCH_THREADS);
/** Where there is one sequence: the longest prompt and what is generated after it. */
const contextSize = Number(process.env.BENCH_CONTEXT);

await serve(async () => {
  const { getLlama } = (await import('node-llama-cpp' as string)) as LlamaModule;
  const llama = await getLlama({
    build: 'never',
    skipDownload: true,
    gpu: false,
    maxThreads: threads,
    logLevel: 'error',
  });
  const model = await llama.loadModel({ modelPath: await ggufPath() });

  const contexts = new Map<number, Sequence[]>();
  async function sequencesFor(rows: number, positions: number): Promise<Sequence[]> {
    const known = contexts.get(rows);
    if (known) return known;
    const context = await model.createContext({
      contextSize: rows === 1 ? contextSize : Math.ceil(positions / 256) * 256,
      sequences: rows,
      batchSize: 512,
      flashAttention: true,
      threads,
    });
    const sequences = Array.from({ length: rows }, () => context.getSequence());
    contexts.set(rows, sequences);
    return sequences;
  }

  async function measure(prompts: readonly (readonly number[])[], newTokens: number): Promise<Timed> {
    const longest = Math.max(...prompts.map(({ length }) => length));
    const sequences = await sequencesFor(prompts.length, longest + newTokens + 1);
    const start = performance.now();
    const rows = sequences.map((sequence, b) =>
      sequence.evaluate(prompts[b]!, { temperature: 0, yieldEogToken: true }),
    );
    const draw = async (row: AsyncGenerator<number, void, void>) => (await row.next()).value as number;
    const tokens = await Promise.all(rows.map(async (row) => [await draw(row)]));
    const first = performance.now();
    await Promise.all(
      rows.map(async (row, b) => {
        for (let i = 0; i < newTokens; i++) tokens[b]!.push(await draw(row));
      }),
    );
    const last = performance.now();
    await Promise.all(rows.map((row) => row.return()));
    await Promise.all(sequences.map((sequence) => sequence.clearHistory()));
    return { prefillMs: first - start, decodeMs: last - first, tokens };
  }
  return { about: 'node-llama-cpp 3.21.1, Q4_1, flash attention, F16 K/V', measure };
});
