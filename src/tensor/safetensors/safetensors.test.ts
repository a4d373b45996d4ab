import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, InvalidFileError } from '../../errors.ts';
import { copyInHostOrder } from './byte-order.ts';
import { dtypeBytes, isSafetensorsDtype } from './dtype.ts';
import { parseSafetensorsHeader, safetensorsHeaderBytes } from './header.ts';
import { readSafetensors, type Safetensors, tensorToFloat32 } from './read.ts';
import { type SafetensorsInput, writeSafetensors } from './write.ts';

/** A file with any text as its header and zeros as its data. */
function fileOf(header: string | Uint8Array, dataBytes = 0): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

const read = (header: string, dataBytes = 0) => readSafetensors(fileOf(header, dataBytes), 'x.safetensors');
const entry = (dtype: string, shape: string, offsets: string) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;

const text = fc.string({ unit: 'binary', maxLength: 12 });
const awkwardText = fc.oneof(
  text,
  fc.constantFrom('__proto__', 'constructor', 'toString', 'a"\\\n', '\u{1f600}', ''),
);
const shapes = fc.array(fc.nat({ max: 3 }), { maxLength: 4 });
const inputs: fc.Arbitrary<SafetensorsInput> = shapes.chain((shape) => {
  const length = shape.reduce((a, b) => a * b, 1);
  const sized = { minLength: length, maxLength: length };
  return fc
    .oneof(
      fc.float32Array(sized),
      fc.float64Array(sized),
      fc.int32Array(sized),
      fc.bigInt64Array(sized),
      fc.uint8Array(sized),
    )
    .map((data) => ({ shape, data }));
});
const files = fc.record({
  tensors: fc.array(
    fc.tuple(
      awkwardText.filter((name) => name !== '__metadata__'),
      inputs,
    ),
    { maxLength: 5 },
  ),
  metadata: fc.array(fc.tuple(awkwardText, awkwardText), { maxLength: 4 }),
});

/** Object.fromEntries defines own properties, `__proto__` among them. */
const toFile = ({
  tensors,
  metadata,
}: {
  tensors: [string, SafetensorsInput][];
  metadata: [string, string][];
}) => writeSafetensors(new Map(tensors), Object.fromEntries(metadata));

/** Reads bytes that may be damaged: InvalidFileError is fine, whatever else is read must lie within the bytes. */
function readOrReject(bytes: Uint8Array): Safetensors | undefined {
  let result: Safetensors;
  try {
    result = readSafetensors(bytes, 'damaged.safetensors');
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidFileError);
    return undefined;
  }
  let total = 0;
  for (const { data, dtype, shape } of result.tensors.values()) {
    expect(data.buffer).toBe(bytes.buffer);
    expect(data.byteLength).toBe(shape.reduce((a, b) => a * b, dtypeBytes(dtype)));
    total += data.byteLength;
  }
  expect(total).toBeLessThan(bytes.byteLength);
  return result;
}

describe('round trip', () => {
  it('gives back every tensor, shape and metadata text, whatever their names', () => {
    fc.assert(
      fc.property(files, (content) => {
        const written = new Map(content.tensors);
        const { tensors, metadata } = readSafetensors(toFile(content), 'x');
        expect([...tensors.keys()].sort()).toEqual([...written.keys()].sort());
        expect(new Map(Object.entries(metadata))).toEqual(new Map(content.metadata));
        for (const [name, { shape, data }] of written) {
          const tensor = tensors.get(name)!;
          expect(tensor.shape).toEqual(shape);
          expect(tensor.data).toEqual(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
          // Aligned to its own element size within the file.
          expect(tensor.data.byteOffset % dtypeBytes(tensor.dtype)).toBe(0);
        }
        expect(Object.getPrototypeOf({})).toBe(Object.prototype);
      }),
    );
  });

  it('writes the same bytes whatever the order', () => {
    fc.assert(
      fc.property(files, (content) => {
        const tensors = [...new Map(content.tensors)].reverse();
        const metadata = [...new Map(content.metadata)].reverse();
        expect(toFile({ tensors, metadata })).toEqual(toFile(content));
      }),
    );
  });

  it('writes the documented bytes', () => {
    const file = writeSafetensors(
      new Map([
        ['b', { shape: [2], data: Float32Array.of(1, -2) }],
        ['a', { shape: [], data: Uint8Array.of(7) }],
      ]),
      { z: '1', a: 'é' },
    );
    const header =
      '{"__metadata__":{"a":"é","z":"1"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},' +
      '"a":{"dtype":"U8","shape":[],"data_offsets":[8,9]}}';
    const length = new DataView(file.buffer).getUint32(0, true);
    expect(length % 8).toBe(0);
    expect(new TextDecoder().decode(file.subarray(8, 8 + length))).toBe(
      header + ' '.repeat(length - new TextEncoder().encode(header).length),
    );
    expect([...file.subarray(8 + length)]).toEqual([0, 0, 128, 63, 0, 0, 0, 192, 7]);
  });
});

describe('damaged files', () => {
  it('rejects every truncation', () => {
    fc.assert(
      fc.property(files, fc.nat(), (content, cut) => {
        const file = toFile(content);
        const short = file.slice(0, cut % file.length);
        expect(readOrReject(short)).toBeUndefined();
      }),
    );
  });

  it('rejects or reads a file with a flipped header byte', () => {
    fc.assert(
      fc.property(files, fc.nat(), fc.integer({ min: 1, max: 255 }), (content, where, flip) => {
        const file = toFile(content);
        const header = safetensorsHeaderBytes(file, file.length, 'x');
        file[where % header]! ^= flip;
        readOrReject(file);
      }),
      { numRuns: 1000 },
    );
  });

  it('rejects or reads random bytes, and random text as the header', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readOrReject(bytes)));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 99 }), (bytes) => void readOrReject(fileOf(bytes, 8))));
    fc.assert(fc.property(fc.json(), fc.nat(16), (json, data) => void readOrReject(fileOf(json, data))));
  });

  it.each([
    [
      'a header length past the file',
      Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 123),
      'stated length',
    ],
    ['an empty file', new Uint8Array(), 'at least 8 bytes'],
    ['a header that is not UTF-8', fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), 'UTF-8'],
    ['a byte order mark', fileOf('\ufeff{}'), "expected '{'"],
    ['leading whitespace', fileOf(' {}'), "expected '{'"],
    ['text after the object', fileOf('{}{}'), 'nothing but whitespace'],
    ['deep nesting', fileOf('['.repeat(100_000)), "expected '{'"],
    ['left-over data', fileOf('{}', 3), 'left-over'],
  ])('names %s', (_, file, message) => {
    expect(() => readSafetensors(file, 'x.safetensors')).toThrow(InvalidFileError);
    expect(() => readSafetensors(file, 'x.safetensors')).toThrow(message);
  });

  it.each([
    [
      'a duplicate tensor',
      `{"a":${entry('U8', '[0]', '[0,0]')},"a":${entry('U8', '[0]', '[0,0]')}}`,
      0,
      'comes twice',
    ],
    ['a duplicate written with an escape', '{"__metadata__":{"a":"","\\u0061":""}}', 0, 'comes twice'],
    [
      'a duplicate field',
      '{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}',
      1,
      'comes twice',
    ],
    ['metadata twice', '{"__metadata__":{},"__metadata__":{}}', 0, 'comes twice'],
    ['metadata that is not text', '{"__metadata__":{"a":1}}', 0, 'metadata "a"'],
    ['metadata that is no object', '{"__metadata__":null}', 0, "expected '{'"],
    ['a missing field', '{"a":{"dtype":"U8","shape":[]}}', 0, 'dtype, shape and data_offsets'],
    ['an extra field', '{"a":{"dtype":"U8","shape":[],"x":1}}', 0, 'only dtype'],
    ['an unknown dtype', `{"a":${entry('F4', '[2]', '[0,1]')}}`, 1, 'F32'],
    ['a dtype named like a property', `{"a":${entry('constructor', '[1]', '[0,1]')}}`, 1, 'dtype'],
    ['a negative dim', `{"a":${entry('U8', '[-1]', '[0,1]')}}`, 1, 'integer'],
    ['a fractional dim', `{"a":${entry('U8', '[1.0]', '[0,1]')}}`, 1, 'integer'],
    ['an exponent', `{"a":${entry('U8', '[1e0]', '[0,1]')}}`, 1, 'integer'],
    ['an unsafe dim', `{"a":${entry('U8', '[9007199254740993]', '[0,1]')}}`, 1, 'integer'],
    ['a product past 2^53', `{"a":${entry('U8', '[4294967296,4294967296]', '[0,1]')}}`, 1, 'too large'],
    ['too many dims', `{"a":${entry('U8', `[${'1,'.repeat(16)}1]`, '[0,1]')}}`, 1, 'at most 16'],
    ['offsets backwards', `{"a":${entry('U8', '[1]', '[1,0]')}}`, 1, 'begin <= end'],
    ['one offset', `{"a":${entry('U8', '[1]', '[0]')}}`, 1, 'data_offsets'],
    ['three offsets', `{"a":${entry('U8', '[1]', '[0,1,2]')}}`, 1, 'at most 2'],
    ['a size that does not fit', `{"a":${entry('F32', '[1]', '[0,3]')}}`, 3, 'takes 4 bytes'],
    ['data past the end', `{"a":${entry('F32', '[1]', '[0,4]')}}`, 3, 'truncated'],
    ['an overlap', `{"a":${entry('U8', '[2]', '[0,2]')},"b":${entry('U8', '[2]', '[1,3]')}}`, 3, 'overlap'],
    ['a hole', `{"a":${entry('U8', '[1]', '[0,1]')},"b":${entry('U8', '[1]', '[2,3]')}}`, 3, 'hole'],
    ['a hole before the first', `{"a":${entry('U8', '[1]', '[1,2]')}}`, 2, 'hole'],
    ['a trailing comma', '{"__metadata__":{},}', 0, 'a key'],
    ['a lone surrogate', '{"__metadata__":{"\\ud800":""}}', 0, 'Unicode'],
    ['a raw control character', '{"__metadata__":{"\n":""}}', 0, 'well-formed'],
    ['an unclosed string', '{"__metadata__', 0, 'well-formed'],
  ])('names %s', (_, header, dataBytes, message) => {
    expect(() => read(header, dataBytes)).toThrow(InvalidFileError);
    expect(() => read(header, dataBytes)).toThrow(message);
  });

  it('takes empty tensors, scalars and whitespace between tokens', () => {
    const header = `{ "e" : ${entry('F32', '[3, 0]', '[0, 0]')} ,\n"s":${entry('I64', '[ ]', '[0,8]')}, "__metadata__": {} } \t`;
    const { tensors } = read(header, 8);
    expect([...tensors].map(([name, t]) => [name, t.shape, t.data.length])).toEqual([
      ['e', [3, 0], 0],
      ['s', [], 8],
    ]);
  });

  it('does not follow __proto__', () => {
    const { tensors, metadata } = read(
      `{"__metadata__":{"__proto__":"p"},"__proto__":${entry('U8', '[1]', '[0,1]')}}`,
      1,
    );
    expect(tensors.get('__proto__')?.dtype).toBe('U8');
    expect(Object.keys(metadata)).toEqual(['__proto__']);
    expect(metadata.constructor).toBeUndefined();
    expect(isSafetensorsDtype('__proto__')).toBe(false);
  });
});

describe('reading a large file by range', () => {
  const file = writeSafetensors(new Map([['a', { shape: [4], data: Float32Array.of(1, 2, 3, 4) }]]));
  const terabyte = 1e12;

  it('needs only the header', () => {
    const needed = safetensorsHeaderBytes(file.subarray(0, 8), file.length, 'x');
    const { tensors, dataOffset } = parseSafetensorsHeader(file.subarray(0, needed), file.length, 'x');
    expect(dataOffset).toBe(needed);
    expect(tensors.get('a')).toEqual({ dtype: 'F32', shape: [4], begin: 0, end: 16 });
  });

  it('reads offsets past 2^32', () => {
    const header = fileOf(`{"a":${entry('U8', `[${terabyte}]`, `[0,${terabyte}]`)}}`);
    const { tensors } = parseSafetensorsHeader(header, header.length + terabyte, 'x');
    expect(tensors.get('a')?.end).toBe(terabyte);
  });

  it('says how many bytes it needs, and keeps to its limits', () => {
    expect(() => parseSafetensorsHeader(file.subarray(0, 20), file.length, 'x')).toThrow(/first \d+ bytes/);
    expect(() => parseSafetensorsHeader(file.subarray(0, 4), file.length, 'x')).toThrow(InvalidArgumentError);
    expect(() => parseSafetensorsHeader(file, file.length - 1, 'x')).toThrow(InvalidArgumentError);
    const big = fileOf('');
    new DataView(big.buffer).setBigUint64(0, 100_000_001n, true);
    expect(() => safetensorsHeaderBytes(big, terabyte, 'x')).toThrow('limit 100000000');
    expect(() => safetensorsHeaderBytes(file, file.length, 'x', { maxHeaderBytes: 8 })).toThrow('limit 8');
    expect(() => readSafetensors(toFile({ tensors: [], metadata: [] }), 'x', { maxTensors: 0 })).toThrow(
      InvalidArgumentError,
    );
    const two = `{"a":${entry('U8', '[]', '[0,1]')},"b":${entry('U8', '[]', '[1,2]')}}`;
    expect(() => readSafetensors(fileOf(two, 2), 'x', { maxTensors: 1 })).toThrow('at most 1 tensors');
  });
});

describe('tensorToFloat32', () => {
  const tensor = (dtype: 'F32' | 'F16' | 'BF16' | 'F64' | 'I32', data: Uint8Array) => ({
    name: 't',
    path: 'x',
    dtype,
    shape: [data.length / dtypeBytes(dtype)],
    data,
  });
  const bytesOf = (array: Float32Array | Float64Array | Uint16Array | Int32Array) =>
    new Uint8Array(array.buffer);

  it('converts each float type', () => {
    expect(tensorToFloat32(tensor('F32', bytesOf(Float32Array.of(1.5, -0))))).toEqual(
      Float32Array.of(1.5, -0),
    );
    expect(tensorToFloat32(tensor('F64', bytesOf(Float64Array.of(0.1))))).toEqual(Float32Array.of(0.1));
    expect(tensorToFloat32(tensor('F16', bytesOf(Uint16Array.of(0x3c00, 0xc000))))).toEqual(
      Float32Array.of(1, -2),
    );
    expect(tensorToFloat32(tensor('BF16', bytesOf(Uint16Array.of(0x3f80, 0xc000))))).toEqual(
      Float32Array.of(1, -2),
    );
  });

  it('copies, at any alignment and out of a Node Buffer', () => {
    const bytes = Buffer.alloc(9);
    bytes.writeFloatLE(1.5, 1);
    bytes.writeFloatLE(2.5, 5);
    const floats = tensorToFloat32(tensor('F32', bytes.subarray(1)));
    bytes.fill(0);
    expect(floats).toEqual(Float32Array.of(1.5, 2.5));
  });

  it('swaps bytes on a big-endian host', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    expect([...copyInHostOrder(bytes, 4, false)]).toEqual([4, 3, 2, 1, 8, 7, 6, 5]);
    expect([...copyInHostOrder(bytes, 2, false)]).toEqual([2, 1, 4, 3, 6, 5, 8, 7]);
    expect(copyInHostOrder(bytes, 8, true)).toEqual(bytes);
  });

  it('rejects NaN and infinities unless allowed', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const damaged = tensor('F32', bytesOf(Float32Array.of(1, bad)));
      expect(() => tensorToFloat32(damaged)).toThrow('at element 1 of 2');
      expect(() => tensorToFloat32(damaged)).toThrow(InvalidFileError);
      expect(tensorToFloat32(damaged, { nonFinite: 'allow' })).toEqual(Float32Array.of(1, bad));
    }
    expect(() => tensorToFloat32(tensor('F64', bytesOf(Float64Array.of(1e300))))).toThrow('Infinity');
  });

  it('rejects other types and data that does not fit', () => {
    expect(() => tensorToFloat32(tensor('I32', bytesOf(Int32Array.of(1))))).toThrow('found I32');
    expect(() => tensorToFloat32({ ...tensor('F32', new Uint8Array(8)), shape: [3] })).toThrow(
      InvalidFileError,
    );
  });
});

describe('writeSafetensors', () => {
  const one = { shape: [1], data: Float32Array.of(1) };
  it.each([
    ['a reserved name', '__metadata__', one],
    ['a lone surrogate', '\ud800', one],
    ['a shape that does not fit', 'a', { ...one, shape: [2] }],
    ['a negative shape', 'a', { ...one, shape: [-1, -1] }],
    ['too many dims', 'a', { ...one, shape: new Array(17).fill(1) }],
    ['another array', 'a', { shape: [1], data: Int16Array.of(1) as unknown as Int32Array }],
  ])('refuses %s', (_, name, input) => {
    expect(() => writeSafetensors(new Map([[name, input]]))).toThrow(InvalidArgumentError);
  });

  it('refuses metadata that is not text', () => {
    expect(() => writeSafetensors(new Map(), { a: 1 as unknown as string })).toThrow(InvalidArgumentError);
    expect(() => writeSafetensors(new Map(), { a: '\udc00' })).toThrow(InvalidArgumentError);
  });
});
