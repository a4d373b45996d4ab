/** Collects the nodes and tensors of one ONNX graph whose weights lie in a file beside it. */
import {
  type Attribute,
  type DataType,
  type Dim,
  encodeModel,
  type OnnxInitializer,
  type OnnxNode,
  type OnnxValue,
} from './onnx-proto.ts';

/** A run of the weight file. `dims` may be given anew where two readers see the same bytes in two shapes. */
export interface WeightRef {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/** Operators that ONNX Runtime adds to the standard. */
export const microsoft = 'com.microsoft';

export interface NodeOptions {
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export class GraphBuilder {
  readonly #weightsFile: string;
  readonly #nodes: OnnxNode[] = [];
  readonly #inputs: OnnxValue[] = [];
  readonly #outputs: OnnxValue[] = [];
  readonly #initializers = new Map<string, OnnxInitializer>();

  /** @param weightsFile name of the weight file, in the graph's own folder. */
  constructor(weightsFile: string) {
    this.#weightsFile = weightsFile;
  }

  input(name: string, type: DataType, shape: readonly Dim[]): string {
    this.#inputs.push({ name, type, shape });
    return name;
  }

  output(name: string, type: DataType, shape: readonly Dim[]): string {
    this.#outputs.push({ name, type, shape });
    return name;
  }

  /** @returns the name of the node's one output: `name`. */
  node(op: string, name: string, inputs: readonly string[], options: NodeOptions = {}): string {
    return this.nodes(op, name, inputs, [name], options)[0]!;
  }

  /** A node with several outputs ('' for one that is not wanted). */
  nodes(
    op: string,
    name: string,
    inputs: readonly string[],
    outputs: readonly string[],
    { domain = '', attributes = {} }: NodeOptions = {},
  ): readonly string[] {
    this.#nodes.push({ op, domain, name, inputs, outputs, attributes });
    return outputs;
  }

  /** Naming the same weight twice gives one tensor. */
  weight(name: string, ref: WeightRef, dims: readonly number[] = ref.dims): string {
    const { type, offset, length } = ref;
    this.#initializers.set(name, { name, type, dims, data: { location: this.#weightsFile, offset, length } });
    return name;
  }

  /** A small int64 constant inside the graph: [values.length], or a scalar with `dims: []`. */
  integers(name: string, values: readonly number[], dims: readonly number[] = [values.length]): string {
    const raw = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    this.#initializers.set(name, { name, type: 'int64', dims, data: { raw } });
    return name;
  }

  encode(): Uint8Array {
    return encodeModel({
      irVersion: 10,
      producer: 'kvsteer',
      opsets: [
        { domain: '', version: 21 },
        { domain: microsoft, version: 1 },
      ],
      graphName: 'decoder',
      nodes: this.#nodes,
      inputs: this.#inputs,
      outputs: this.#outputs,
      initializers: [...this.#initializers.values()],
    });
  }
}
