/**
 * The ONNX graph of a Llama-family decoder over a static KV cache. B rows, S tokens a row in this step, T positions of
 * the cache buffers, N asked positions, L layers, H KV heads, D head size, C hidden size, V vocabulary.
 *
 * inputs:  input_ids int64 [B, S] · seqlens_k int32 [B], each row's positions after this step minus 1 ·
 *          total_sequence_length int32 [1], the largest of them plus 1 · logits_at int64 [N], indexes into B * S ·
 *          past_key_values.{l}.key|value float32 or float16 [B, H, T, D]
 * outputs: logits float32 [N, V] · present.{l}.key|value, as the past (pass the same buffers)
 * taps:    input residual_offset float32 [L, B, C], added to the residual stream after each layer, at all S positions
 *          output hidden float32 [L, N, C], the residual stream after each layer, offset included
 */
import type { KvPrecision } from '../kv-precision.ts';
import type { CheckpointConfig } from './checkpoint.ts';
import type { DecoderWeights, LayerWeights } from './decoder-weights.ts';
import { GraphBuilder, microsoft, type WeightRef } from './graph-builder.ts';
import { dataType } from './onnx-proto.ts';
import { Products } from './products.ts';

export interface DecoderGraphOptions {
  /** With residual taps. */
  readonly taps: boolean;
  /** Of the KV cache. In fp16, attention alone is computed between casts: all else stays float32. */
  readonly kvPrecision: KvPrecision;
  /** Name of the weight file, in the graph's folder. */
  readonly weightsFile: string;
}

/** ModelProto bytes. */
export function decoderGraph(
  config: CheckpointConfig,
  weights: DecoderWeights,
  { taps, kvPrecision, weightsFile }: DecoderGraphOptions,
): Uint8Array {
  return new DecoderGraph(config, weights, new GraphBuilder(weightsFile), taps, kvPrecision).build();
}

/** A residual stream in two parts: what was there, and what the block before adds. */
interface Stream {
  readonly base: string;
  readonly added: string;
}

class DecoderGraph {
  readonly #config: CheckpointConfig;
  readonly #weights: DecoderWeights;
  readonly #graph: GraphBuilder;
  readonly #products: Products;
  readonly #taps: boolean;
  readonly #kvPrecision: KvPrecision;
  readonly #hidden: string[] = [];

  constructor(
    config: CheckpointConfig,
    weights: DecoderWeights,
    graph: GraphBuilder,
    taps: boolean,
    kvPrecision: KvPrecision,
  ) {
    this.#config = config;
    this.#weights = weights;
    this.#graph = graph;
    this.#products = new Products(graph);
    this.#taps = taps;
    this.#kvPrecision = kvPrecision;
  }

  build(): Uint8Array {
    const graph = this.#graph;
    const { layers, kvHeads, headDim, hidden, vocabSize } = this.#config;
    graph.input('input_ids', 'int64', ['batch', 'sequence']);
    graph.input('seqlens_k', 'int32', ['batch']);
    graph.input('total_sequence_length', 'int32', [1]);
    graph.input('logits_at', 'int64', ['asked']);
    if (this.#taps) graph.input('residual_offset', 'float32', [layers, 'batch', hidden]);
    graph.output('logits', 'float32', ['asked', vocabSize]);
    if (this.#taps) graph.output('hidden', 'float32', [layers, 'asked', hidden]);
    const buffer = ['batch', kvHeads, 'positions', headDim];
    const kvType = this.#kvPrecision === 'fp16' ? 'float16' : 'float32';
    for (let layer = 0; layer < layers; layer++) {
      for (const kind of ['key', 'value']) {
        graph.input(`past_key_values.${layer}.${kind}`, kvType, buffer);
        graph.output(`present.${layer}.${kind}`, kvType, buffer);
      }
    }
    graph.integers('row', [-1, hidden]);

    let stream: string | Stream = this.#products.embed('input_ids', this.#weights.embedding);
    this.#weights.layers.forEach((layer, index) => {
      stream = this.#layer(index, layer, stream);
    });
    this.#head(stream);
    return graph.encode();
  }

  #layer(index: number, weights: LayerWeights, stream: string | Stream): Stream {
    const name = `layer${index}`;
    const products = this.#products;
    const before = this.#norm(`${name}.attentionNorm`, stream, weights.attentionNorm);
    const heads = this.#attention(index, before.normed, weights);
    const attended = products.linear(`${name}.attentionOutput`, heads, weights.attentionOutput);
    const middle = this.#norm(`${name}.mlpNorm`, { base: before.stream, added: attended }, weights.mlpNorm);
    const added = this.#mlp(name, middle.normed, weights);
    return this.#tap(index, { base: middle.stream, added });
  }

  /** RMSNorm of the stream; the sum of its two parts comes out beside it. */
  #norm(name: string, stream: string | Stream, gamma: WeightRef): { normed: string; stream: string } {
    const graph = this.#graph;
    const weight = graph.weight(`${name}.weight`, gamma);
    const epsilon = { float: this.#config.rmsNormEpsilon };
    if (typeof stream === 'string') {
      const attributes = { epsilon, axis: { int: -1 }, stash_type: { int: 1 } };
      return {
        normed: graph.node('SimplifiedLayerNormalization', name, [stream, weight], { attributes }),
        stream,
      };
    }
    const sum = `${name}.stream`;
    graph.nodes(
      'SkipSimplifiedLayerNormalization',
      name,
      [stream.base, stream.added, weight],
      [name, '', '', sum],
      { domain: microsoft, attributes: { epsilon } },
    );
    return { normed: name, stream: sum };
  }

  /** @returns [B, S, heads * D] */
  #attention(index: number, normed: string, { qkv }: LayerWeights): string {
    const graph = this.#graph;
    const name = `layer${index}.attention`;
    const half = this.#kvPrecision === 'fp16';
    const [query, key, value] =
      qkv.length === 1
        ? [this.#products.linear(`layer${index}.qkv`, normed, qkv[0]), '', '']
        : qkv.map((part, i) => this.#products.linear(`layer${index}.${'qkv'[i]}`, normed, part));
    const past = `past_key_values.${index}`;
    const present = `present.${index}`;
    const { cos, sin } = this.#weights.rope[this.#kvPrecision];
    const cast = (from: string) => (half && from ? this.#cast(from, `${from}.half`, 'float16') : from);
    const inputs = [
      cast(query!),
      cast(key!),
      cast(value!),
      `${past}.key`,
      `${past}.value`,
      'seqlens_k',
      'total_sequence_length',
      graph.weight('rope.cos', cos),
      graph.weight('rope.sin', sin),
    ];
    graph.nodes('GroupQueryAttention', name, inputs, [name, `${present}.key`, `${present}.value`], {
      domain: microsoft,
      attributes: {
        num_heads: { int: this.#config.heads },
        kv_num_heads: { int: this.#config.kvHeads },
        do_rotary: { int: 1 },
        rotary_interleaved: { int: 0 },
      },
    });
    return half ? this.#cast(name, `${name}.float`, 'float32') : name;
  }

  #cast(from: string, name: string, type: 'float16' | 'float32'): string {
    return this.#graph.node('Cast', name, [from], { attributes: { to: { int: dataType[type] } } });
  }

  /** down(silu(gate(x)) * up(x)) */
  #mlp(name: string, normed: string, weights: LayerWeights): string {
    const graph = this.#graph;
    const [first, second] = weights.gateUp;
    let gate: string;
    let up: string;
    if (second) {
      gate = this.#products.linear(`${name}.gate`, normed, first);
      up = this.#products.linear(`${name}.up`, normed, second);
    } else {
      const both = this.#products.linear(`${name}.gateUp`, normed, first);
      const halves = [`${name}.gate`, `${name}.up`] as const;
      const attributes = { axis: { int: -1 }, num_outputs: { int: 2 } };
      graph.nodes('Split', `${name}.halves`, [both], halves, { attributes });
      [gate, up] = halves;
    }
    const sigmoid = graph.node('Sigmoid', `${name}.sigmoid`, [gate]);
    const silu = graph.node('Mul', `${name}.silu`, [gate, sigmoid]);
    const gated = graph.node('Mul', `${name}.gated`, [silu, up]);
    return this.#products.linear(`${name}.down`, gated, weights.down);
  }

  /** Adds the row's offset of this layer, and takes the stream at the asked positions. */
  #tap(index: number, stream: Stream): Stream {
    if (!this.#taps) return stream;
    const graph = this.#graph;
    const name = `layer${index}`;
    const offset = graph.node('Gather', `${name}.offset`, [
      'residual_offset',
      graph.integers(`${name}.index`, [index], []),
    ]); // [B, C]
    const perRow = graph.node('Unsqueeze', `${name}.offsetRow`, [offset, graph.integers('axis1', [1])]); // [B, 1, C]
    const added = graph.node('Add', `${name}.offsetAdded`, [stream.added, perRow]);
    const at = this.#asked(`${name}.hidden`, { base: stream.base, added });
    this.#hidden.push(graph.node('Unsqueeze', `${name}.tap`, [at, graph.integers('axis0', [0])])); // [1, N, C]
    return { base: stream.base, added };
  }

  /** [B, S, C] -> [N, C] at `logits_at` */
  #asked(name: string, { base, added }: Stream): string {
    const graph = this.#graph;
    const sum = graph.node('Add', `${name}.sum`, [base, added]);
    const rows = graph.node('Reshape', `${name}.rows`, [sum, 'row']);
    return graph.node('Gather', name, [rows, 'logits_at']);
  }

  #head(stream: string | Stream): void {
    const asked = this.#asked('asked', stream as Stream);
    const { normed } = this.#norm('finalNorm', asked, this.#weights.finalNorm);
    this.#products.outputLogits(normed, this.#weights.output, 'logits');
    if (this.#taps) {
      this.#graph.nodes('Concat', 'hidden', this.#hidden, ['hidden'], { attributes: { axis: { int: 0 } } });
    }
  }
}
