import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Checkpoint } from './checkpoint.ts';
import { openGgufCheckpoint } from './gguf-checkpoint.ts';
import type { GraphManifest } from './graph-manifest.ts';
import type { Precision } from './matrix-weights.ts';
import { openSafetensorsCheckpoint } from './safetensors-checkpoint.ts';
import { writeGraph } from './write-graph.ts';

const fixtures = join(import.meta.dirname, 'fixtures');

interface Expected {
  readonly tokens: number[];
  readonly logits: number[];
  readonly hidden0?: number[];
}

interface StepInput {
  /** [B][S], right-padded */
  readonly rows: readonly (readonly number[])[];
  /** [B] */
  readonly totals: readonly number[];
  readonly at: readonly number[];
  /** [L, B, C] */
  readonly residual?: Float32Array;
}

/** A written graph on onnxruntime-node, with buffers of `positions` for `rows` rows. */
class WrittenGraph {
  static readonly positions = 96;
  readonly #session: InferenceSession;
  readonly #model: GraphManifest['model'];
  readonly #buffers = new Map<string, Tensor>();
  readonly #taps: boolean;

  constructor(session: InferenceSession, model: GraphManifest['model'], rows: number) {
    this.#session = session;
    this.#model = model;
    this.#taps = session.inputNames.includes('residual_offset');
    const { layers, kvHeads, headDim } = model;
    for (let layer = 0; layer < layers; layer++) {
      for (const kind of ['key', 'value']) {
        const dims = [rows, kvHeads, WrittenGraph.positions, headDim];
        const data = new Float32Array(dims.reduce((a, b) => a * b));
        this.#buffers.set(`${layer}.${kind}`, new Tensor('float32', data, dims));
      }
    }
  }

  async step({
    rows,
    totals,
    at,
    residual,
  }: StepInput): Promise<{ logits: number[][]; hidden: Float32Array }> {
    const { layers, hidden, vocabSize } = this.#model;
    const batch = rows.length;
    const int64 = (values: readonly number[], dims: readonly number[]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
    const int32 = (values: readonly number[]) =>
      new Tensor('int32', Int32Array.from(values), [values.length]);
    const feeds: Record<string, Tensor> = {
      input_ids: int64(rows.flat(), [batch, rows[0]!.length]),
      seqlens_k: int32(totals.map((total) => total - 1)),
      total_sequence_length: int32([Math.max(...totals)]),
      logits_at: int64(at, [at.length]),
    };
    const fetches: Record<string, Tensor | null> = { logits: null };
    if (this.#taps) {
      const zeros = () => new Float32Array(layers * batch * hidden);
      feeds.residual_offset = new Tensor('float32', residual ?? zeros(), [layers, batch, hidden]);
      fetches.hidden = null;
    }
    for (const [name, buffer] of this.#buffers) {
      feeds[`past_key_values.${name}`] = buffer;
      fetches[`present.${name}`] = buffer;
    }
    const results = await this.#session.run(feeds, fetches);
    const logits = results.logits!.data as Float32Array;
    return {
      logits: at.map((_, i) => [...logits.subarray(i * vocabSize, (i + 1) * vocabSize)]),
      hidden: (results.hidden?.data ?? new Float32Array()) as Float32Array,
    };
  }
}

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

const cosine = (a: readonly number[], b: readonly number[]) => {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

const sources = {
  'qwen2 safetensors': {
    open: () => openSafetensorsCheckpoint(join(fixtures, 'qwen2-random')),
    expected: join(fixtures, 'qwen2-random/expected.json'),
  },
  'llama safetensors, untied, llama3 RoPE': {
    open: () => openSafetensorsCheckpoint(join(fixtures, 'llama3-random')),
    expected: join(fixtures, 'llama3-random/expected.json'),
  },
  'llama GGUF, 32-blocks, llama3 RoPE': {
    open: () => openGgufCheckpoint(join(fixtures, 'gguf/llama.gguf')),
    expected: join(fixtures, 'gguf/llama.expected.json'),
  },
  'qwen2 GGUF, K-quants': {
    open: () => openGgufCheckpoint(join(fixtures, 'gguf/qwen2-k.gguf')),
    expected: join(fixtures, 'gguf/qwen2-k.expected.json'),
  },
};

describe.each(Object.entries(sources))('%s', (_, { open, expected: expectedPath }) => {
  let checkpoint: Checkpoint;
  let expected: Expected[];
  let folder: string;
  const manifests = new Map<Precision, GraphManifest>();

  const load = async (precision: Precision, taps: boolean, rows: number) => {
    const path = join(folder, precision, taps ? 'model.taps.onnx' : 'model.onnx');
    const session = await InferenceSession.create(path, { intraOpNumThreads: 1 });
    return new WrittenGraph(session, manifests.get(precision)!.model, rows);
  };
  const prompt = ({ tokens }: Expected): StepInput => ({
    rows: [tokens],
    totals: [tokens.length],
    at: [tokens.length - 1],
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kvsteer-graph-'));
    checkpoint = await open();
    expected = JSON.parse(await readFile(expectedPath, 'utf8'));
    for (const precision of ['fp32', 'q4'] as const) {
      manifests.set(precision, await writeGraph(checkpoint, { precision }, join(folder, precision)));
    }
  });
  afterAll(async () => {
    await checkpoint[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('gives the logits of transformers in fp32', async () => {
    for (const taps of [false, true]) {
      for (const each of expected) {
        const { logits } = await (await load('fp32', taps, 1)).step(prompt(each));
        expect(largestDifference(logits[0]!, each.logits)).toBeLessThan(1e-3);
      }
    }
  });

  it('stays close in q4, where only activations are rounded', async () => {
    for (const each of expected) {
      const { logits } = await (await load('q4', false, 1)).step(prompt(each));
      expect(cosine(logits[0]!, each.logits)).toBeGreaterThan(0.998);
    }
  });

  it('gives the same logits in steps as at once, several positions or none at a time', async () => {
    const { tokens, logits: whole } = expected.at(-1)!;
    const graph = await load('fp32', false, 1);
    const n = tokens.length;
    await graph.step({ rows: [tokens.slice(0, 10)], totals: [10], at: [] });
    const middle = await graph.step({ rows: [tokens.slice(10, n - 1)], totals: [n - 1], at: [0, n - 12] });
    expect(middle.logits).toHaveLength(2);
    const last = await graph.step({ rows: [tokens.slice(n - 1)], totals: [n], at: [0] });
    expect(largestDifference(last.logits[0]!, whole)).toBeLessThan(1e-3);
  });

  it('gives right-padded rows of different lengths what they give alone', async () => {
    const width = Math.max(...expected.map(({ tokens }) => tokens.length));
    const graph = await load('fp32', false, expected.length);
    const { logits } = await graph.step({
      rows: expected.map(({ tokens }) => [...tokens, ...Array<number>(width - tokens.length).fill(0)]),
      totals: expected.map(({ tokens }) => tokens.length),
      at: expected.map(({ tokens }, row) => row * width + tokens.length - 1),
    });
    expected.forEach((each, row) => {
      expect(largestDifference(logits[row]!, each.logits)).toBeLessThan(1e-3);
    });
  });

  it('adds a residual offset to its own row and layer, and shows it in the hidden states', async () => {
    const { layers, hidden } = manifests.get('fp32')!.model;
    const { tokens, logits: plain } = expected.at(-1)!;
    const n = tokens.length;
    const graph = await load('fp32', true, 2);
    const residual = new Float32Array(layers * 2 * hidden);
    // row 1, last layer
    residual.fill(0.5, ((layers - 1) * 2 + 1) * hidden);
    const both = { rows: [tokens, tokens], totals: [n, n], at: [n - 1, 2 * n - 1] };
    const offset = await graph.step({ ...both, residual });
    expect(largestDifference(offset.logits[0]!, plain)).toBeLessThan(1e-3);
    expect(largestDifference(offset.logits[1]!, plain)).toBeGreaterThan(1e-2);
    const state = (layer: number, row: number) =>
      offset.hidden.subarray((layer * 2 + row) * hidden, (layer * 2 + row + 1) * hidden);
    expect(
      largestDifference(
        state(layers - 1, 1),
        state(layers - 1, 0).map((x) => x + 0.5),
      ),
    ).toBeLessThan(1e-4);
    if (layers > 1) expect(largestDifference(state(0, 1), state(0, 0))).toBeLessThan(1e-5);
    const { hidden0 } = expected.at(-1)!;
    if (hidden0) expect(largestDifference(state(0, 0), hidden0)).toBeLessThan(1e-3);
  });
});
