/**
 * Which nodes of kvsteer's q4 graph the time goes to, by ONNX Runtime's own profiler, on the plain binding (the kernels
 * are the same in the C API).
 *
 *   npm run bench:profile [-- --context 256] [--threads 2] [--steps 32]
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as ort from 'onnxruntime-node';
import { graphFile } from '../src/engine/onnx/graph/graph-manifest.ts';
import { promptOf } from './plan.ts';
import { modelName } from './rivals/model-folders.ts';
import { writtenGraph } from './rivals/written-graph.ts';

const { values: flags } = parseArgs({
  options: {
    context: { type: 'string', default: '256' },
    threads: { type: 'string', default: '2' },
    steps: { type: 'string', default: '32' },
  },
});
const context = Number(flags.context);
const steps = Number(flags.steps);

const { folder, manifest } = await writtenGraph(modelName);
const { layers, kvHeads, headDim } = manifest.model;
const capacity = context + steps + 1;

for (const what of ['prefill', 'decode'] as const) {
  const temporary = await mkdtemp(join(tmpdir(), 'kvsteer-profile-'));
  try {
    const session = await ort.InferenceSession.create(join(folder, graphFile), {
      executionProviders: ['cpu'],
      intraOpNumThreads: Number(flags.threads),
      graphOptimizationLevel: 'all',
      enableProfiling: true,
      profileFilePrefix: join(temporary, 'ort'),
    });
    const cache: Record<string, ort.Tensor> = {};
    for (let l = 0; l < layers; l++) {
      for (const kind of ['key', 'value']) {
        const data = new Float32Array(kvHeads * capacity * headDim).fill(0.01);
        const shape = [1, kvHeads, capacity, headDim];
        cache[`past_key_values.${l}.${kind}`] = new ort.Tensor('float32', data, shape);
      }
    }
    const step = (tokens: readonly number[], total: number) =>
      session.run({
        input_ids: new ort.Tensor('int64', BigInt64Array.from(tokens, BigInt), [1, tokens.length]),
        seqlens_k: new ort.Tensor('int32', Int32Array.of(total - 1), [1]),
        total_sequence_length: new ort.Tensor('int32', Int32Array.of(total), [1]),
        logits_at: new ort.Tensor('int64', BigInt64Array.of(BigInt(tokens.length - 1)), [1]),
        ...cache,
      });
    const runs = what === 'decode' ? steps : 5;
    for (let i = 0; i < runs; i++) {
      if (what === 'decode') await step([20 + i], context + i + 1);
      else await step(promptOf(context), context);
    }
    session.endProfiling();
    await session.release();
    const [file] = await readdir(temporary);
    print(what, runs, JSON.parse(await readFile(join(temporary, file!), 'utf8')));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

function print(what: string, runs: number, events: readonly ProfileEvent[]): void {
  const kernels = events.filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'));
  const ms = new Map<string, number>();
  let all = 0;
  for (const { name, dur, args } of kernels) {
    const kind = args?.op_name ?? '?';
    const node = name.replace('_kernel_time', '');
    const product = /layer\d+\.(\w+)/.exec(node)?.[1] ?? node;
    const key = kind.startsWith('MatMul') ? `${kind} ${product}` : kind;
    ms.set(key, (ms.get(key) ?? 0) + dur / 1000 / runs);
    all += dur / 1000 / runs;
  }
  console.log(`${what}, context ${context}: ${all.toFixed(2)} ms in nodes a run`);
  for (const [key, value] of [...ms].sort((a, b) => b[1] - a[1]).slice(0, 14)) {
    console.log(`  ${key.padEnd(44)} ${value.toFixed(3)} ms  ${((100 * value) / all).toFixed(1)} %`);
  }
}
