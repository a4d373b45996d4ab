/**
 * The part of ONNX's protobuf schema that a graph with external weights needs, written field by field.
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */

/** TensorProto.DataType */
export const dataType = { float32: 1, uint8: 2, int32: 6, int64: 7, float16: 10 } as const;
export type DataType = keyof typeof dataType;

/** Bytes a number of the type takes. */
export const dataTypeBytes = {
  float32: 4,
  uint8: 1,
  int32: 4,
  int64: 8,
  float16: 2,
} as const satisfies Record<DataType, number>;

/** A number fixes the size; a text names a size known at run time. */
export type Dim = number | string;

export type Attribute = { readonly float: number } | { readonly int: number };

export interface OnnxNode {
  readonly op: string;
  /** '' is the standard's own. */
  readonly domain: string;
  readonly name: string;
  /** '' leaves an optional one out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface OnnxValue {
  readonly name: string;
  readonly type: DataType;
  readonly shape: readonly Dim[];
}

export interface OnnxInitializer {
  readonly name: string;
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly data:
    | { readonly raw: Uint8Array }
    | { readonly location: string; readonly offset: number; readonly length: number };
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly producer: string;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly graphName: string;
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers: readonly OnnxInitializer[];
}

/** ModelProto bytes. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const message = new Message();
  message.int(1, model.irVersion);
  message.string(2, model.producer);
  const graph = new Message();
  for (const node of model.nodes) graph.message(1, encodeNode(node));
  graph.string(2, model.graphName);
  for (const initializer of model.initializers) graph.message(5, encodeInitializer(initializer));
  for (const input of model.inputs) graph.message(11, encodeValue(input));
  for (const output of model.outputs) graph.message(12, encodeValue(output));
  message.message(7, graph);
  for (const { domain, version } of model.opsets) {
    const opset = new Message();
    opset.string(1, domain);
    opset.int(2, version);
    message.message(8, opset);
  }
  return message.bytes();
}

function encodeNode({ op, domain, name, inputs, outputs, attributes }: OnnxNode): Message {
  const node = new Message();
  for (const input of inputs) node.string(1, input);
  for (const output of outputs) node.string(2, output);
  node.string(3, name);
  node.string(4, op);
  for (const [key, value] of Object.entries(attributes)) {
    const attribute = new Message();
    attribute.string(1, key);
    if ('float' in value) {
      attribute.float(2, value.float);
      attribute.int(20, 1);
    } else {
      attribute.int(3, value.int);
      attribute.int(20, 2);
    }
    node.message(5, attribute);
  }
  node.string(7, domain);
  return node;
}

function encodeInitializer({ name, type, dims, data }: OnnxInitializer): Message {
  const tensor = new Message();
  for (const dim of dims) tensor.int(1, dim);
  tensor.int(2, dataType[type]);
  tensor.string(8, name);
  if ('raw' in data) {
    tensor.binary(9, data.raw);
  } else {
    for (const [key, value] of Object.entries(data)) {
      const entry = new Message();
      entry.string(1, key);
      entry.string(2, String(value));
      tensor.message(13, entry);
    }
    tensor.int(14, 1);
  }
  return tensor;
}

function encodeValue({ name, type, shape }: OnnxValue): Message {
  const dims = new Message();
  for (const size of shape) {
    const dim = new Message();
    if (typeof size === 'number') dim.int(1, size);
    else dim.string(2, size);
    dims.message(1, dim);
  }
  const tensor = new Message();
  tensor.int(1, dataType[type]);
  tensor.message(2, dims);
  const typeProto = new Message();
  typeProto.message(1, tensor);
  const value = new Message();
  value.string(1, name);
  value.message(2, typeProto);
  return value;
}

/** A protobuf message under construction: a list of byte pieces. */
class Message {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  /** Varint. `value` is a safe integer; negative ones take their 64-bit two's complement, as the format wants. */
  int(field: number, value: number): void {
    this.#tag(field, 0);
    this.#varint(value);
  }

  float(field: number, value: number): void {
    this.#tag(field, 5);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#push(bytes);
  }

  string(field: number, value: string): void {
    this.binary(field, new TextEncoder().encode(value));
  }

  binary(field: number, value: Uint8Array): void {
    this.#tag(field, 2);
    this.#varint(value.length);
    this.#push(value);
  }

  message(field: number, value: Message): void {
    this.#tag(field, 2);
    this.#varint(value.#length);
    for (const piece of value.#pieces) this.#push(piece);
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): void {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      bytes.push(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    this.#push(Uint8Array.from(bytes));
  }

  #push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }
}
