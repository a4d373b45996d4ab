/** Graph nodes for a product with a written matrix, and for looking up rows of one. */
import type { Linear } from './decoder-weights.ts';
import { type GraphBuilder, microsoft } from './graph-builder.ts';
import type { BlockMatrix, Matrix } from './matrix-weights.ts';

/** Activations are rounded to 8 bits per block: integer products, as llama.cpp computes. 0 would be 50 times slower. */
const INT8_ACTIVATIONS = 4;

/** Block sums of one activation serve every product with it. */
const blockSumName = (input: string, size: number) => `${input}.sums${size}`;

/** Shares what several products with one activation need. One per graph. */
export class Products {
  readonly #graph: GraphBuilder;
  readonly #sums = new Set<string>();

  constructor(graph: GraphBuilder) {
    this.#graph = graph;
  }

  /** @param input [B, S, K] @returns [B, S, N] */
  linear(name: string, input: string, { matrix, bias }: Linear): string {
    const graph = this.#graph;
    let product: string;
    if (matrix.kind === 'float') {
      product = graph.node('MatMul', name, [input, graph.weight(`${name}.weight`, matrix.weight)]);
    } else {
      product = this.#blockProduct(name, input, matrix);
      if (matrix.correction) {
        const sums = this.#blockSums(input, matrix, 3);
        const factors = graph.weight(`${name}.correction`, matrix.correction);
        const correction = graph.node('MatMul', `${name}.minima`, [sums, factors]);
        product = graph.node('Add', `${name}.corrected`, [product, correction]);
      }
    }
    if (!bias) return product;
    return graph.node('Add', `${name}.biased`, [product, graph.weight(`${name}.bias`, bias)]);
  }

  /** @param input [N, C] @param matrix a table [V, C] @param output name of the result [N, V] */
  outputLogits(input: string, matrix: Matrix, output: string): void {
    const graph = this.#graph;
    const transposed = { attributes: { transB: { int: 1 } } };
    if (matrix.kind === 'float') {
      graph.nodes(
        'Gemm',
        output,
        [input, graph.weight('output.weight', matrix.weight)],
        [output],
        transposed,
      );
      return;
    }
    if (!matrix.correction) {
      this.#blockProduct(output, input, matrix, 'output');
      return;
    }
    const product = this.#blockProduct('output.product', input, matrix, 'output');
    const sums = this.#blockSums(input, matrix, 2);
    const factors = graph.weight('output.correction', matrix.correction);
    graph.nodes('Gemm', output, [sums, factors, product], [output], transposed);
  }

  /** @param ids int64 [B, S] @param matrix a table [V, C] @returns float32 [B, S, C] */
  embed(ids: string, matrix: Matrix): string {
    const graph = this.#graph;
    if (matrix.kind === 'float') {
      return graph.node('Gather', 'embedding', [graph.weight('embedding.weight', matrix.weight), ids]);
    }
    const { n, k, bits, blockSize, correctionSize } = matrix;
    const blocks = k / correctionSize;
    // the bytes of the output product, seen as [V, C * bits / 8]
    const packed = graph.weight('embedding.packed', matrix.packed, [n, (k * bits) / 8]);
    const scales = graph.weight('embedding.scales', matrix.scales);
    const rows = graph.node('GatherBlockQuantized', 'embedding.centred', [packed, ids, scales], {
      domain: microsoft,
      attributes: {
        gather_axis: { int: 0 },
        quantize_axis: { int: 1 },
        block_size: { int: blockSize },
        bits: { int: bits },
      },
    });
    if (!matrix.correction) return rows;
    const factors = graph.weight('embedding.correction', matrix.correction);
    const minima = graph.node('Gather', 'embedding.minima', [factors, ids]); // [B, S, C / size]
    const split = graph.integers('embedding.split', [0, 0, blocks, correctionSize]);
    const column = graph.integers('embedding.column', [0, 0, blocks, 1]);
    const joined = graph.integers('embedding.joined', [0, 0, k]);
    const sum = graph.node('Add', 'embedding.blocks', [
      graph.node('Reshape', 'embedding.centredBlocks', [rows, split]),
      graph.node('Reshape', 'embedding.minimumBlocks', [minima, column]),
    ]);
    return graph.node('Reshape', 'embedding', [sum, joined]);
  }

  #blockProduct(name: string, input: string, matrix: BlockMatrix, weights = name): string {
    const graph = this.#graph;
    const { n, k, bits, blockSize, packed, scales } = matrix;
    return graph.node(
      'MatMulNBits',
      name,
      [input, graph.weight(`${weights}.packed`, packed), graph.weight(`${weights}.scales`, scales)],
      {
        domain: microsoft,
        attributes: {
          K: { int: k },
          N: { int: n },
          bits: { int: bits },
          block_size: { int: blockSize },
          accuracy_level: { int: INT8_ACTIVATIONS },
        },
      },
    );
  }

  /** [.., K] -> [.., K / size], sums over blocks. */
  #blockSums(input: string, { k, correctionSize: size }: BlockMatrix, rank: 2 | 3): string {
    const graph = this.#graph;
    const name = blockSumName(input, size);
    if (this.#sums.has(name)) return name;
    this.#sums.add(name);
    const leading = rank === 3 ? [0, 0] : [0];
    const shape = graph.integers(`blocks.${rank}.${k}.${size}`, [...leading, k / size, size]);
    const blocks = graph.node('Reshape', `${name}.blocks`, [input, shape]);
    return graph.node('ReduceSum', name, [blocks, graph.integers('lastAxis', [-1])], {
      attributes: { keepdims: { int: 0 } },
    });
  }
}
