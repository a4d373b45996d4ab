/** Transformers.js: `generate` on a q4 graph in its own layout (`npm run bench:setup` makes it). */
import { BaseStreamer, env, LlamaForCausalLM, Tensor } from '@huggingface/transformers';
import { transformersJsFolder } from './model-folders.ts';
import { serve, type Timed } from './protocol.ts';

const threads = Number(process.env.BENCH_THREADS);

/** Is handed the prompt first, then every row's new token. */
class Clock extends BaseStreamer {
  readonly times: number[] = [];
  override put(): void {
    this.times.push(performance.now());
  }
  override end(): void {}
}

await serve(async () => {
  env.allowRemoteModels = false;
  const model = await LlamaForCausalLM.from_pretrained(transformersJsFolder, {
    dtype: 'q4',
    device: 'cpu',
    session_options: { intraOpNumThreads: threads },
  });

  async function measure(prompts: readonly (readonly number[])[], newTokens: number): Promise<Timed> {
    const dims = [prompts.length, prompts[0]!.length];
    const ids = BigInt64Array.from(prompts.flat(), BigInt);
    const streamer = new Clock();
    const start = performance.now();
    const output = (await model.generate({
      inputs: new Tensor('int64', ids, dims),
      attention_mask: new Tensor('int64', new BigInt64Array(ids.length).fill(1n), dims),
      max_new_tokens: newTokens + 1,
      do_sample: false,
      streamer,
    } as never)) as Tensor;
    const first = streamer.times[1]!;
    const last = streamer.times.at(-1)!;
    const tokens = (output.tolist() as bigint[][]).map((row) => row.slice(dims[1]).map(Number));
    return { prefillMs: first - start, decodeMs: last - first, tokens };
  }
  return {
    about: 'Transformers.js 4.3.1, generate, MatMulNBits q4 (symmetric blocks of 32, accuracy_level 4)',
    // its graphs place a left-padded row's tokens wrongly
    sameLengths: true,
    measure,
  };
});
