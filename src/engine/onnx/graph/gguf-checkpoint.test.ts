import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InvalidArgumentError,
  InvalidFileError,
  KvSteerError,
  UnsupportedModelError,
} from '../../../errors.ts';
import { dequantize } from './dequantize.ts';
import { openGgufCheckpoint } from './gguf-checkpoint.ts';
import { openSafetensorsCheckpoint } from './safetensors-checkpoint.ts';

const fixtures = join(import.meta.dirname, 'fixtures');
const source = join(fixtures, 'gguf/llama.gguf');

describe('openGgufCheckpoint', () => {
  let folder: string;
  let bytes: Buffer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kvsteer-gguf-'));
    bytes = await readFile(source);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const openBytes = async (changed: Uint8Array) => {
    const path = join(folder, 'model.gguf');
    await writeFile(path, changed);
    await using checkpoint = await openGgufCheckpoint(path);
    return checkpoint.config;
  };
  const replaced = (from: string, to: string) => {
    const changed = Buffer.from(bytes);
    for (let at = changed.indexOf(from); at >= 0; at = changed.indexOf(from, at + 1)) changed.write(to, at);
    return changed;
  };

  it('reads the configuration, the head size apart from hidden / heads', async () => {
    await using checkpoint = await openGgufCheckpoint(source);
    await using twin = await openSafetensorsCheckpoint(join(fixtures, 'llama3-random'));
    const { rope, rmsNormEpsilon, ...rest } = checkpoint.config;
    const { rope: twinRope, rmsNormEpsilon: twinEpsilon, ...twinRest } = twin.config;
    expect(rest).toEqual(twinRest);
    expect(rmsNormEpsilon).toBeCloseTo(twinEpsilon, 9);
    expect(rope.theta).toBe(twinRope.theta);
    // the same frequencies: bounds relative to the original context
    const bound = (scaling = rope.scaling!) => scaling.lowFreqFactor / scaling.originalContextLength;
    expect(rope.scaling!.factor).toBeCloseTo(8);
    expect(bound()).toBeCloseTo(bound(twinRope.scaling), 5);
    expect(checkpoint.ggufMetadata!['general.architecture']).toBe('llama');
  });

  it('gives q and k rows in half-split order, in any portion', async () => {
    await using checkpoint = await openGgufCheckpoint(source);
    await using twin = await openSafetensorsCheckpoint(join(fixtures, 'llama3-random'));
    const name = 'model.layers.0.self_attn.q_proj.weight';
    const whole = await checkpoint.read(name);
    const original = dequantize('BF16', await twin.read(name));
    // Q8_0 of the same weights
    dequantize('Q8_0', whole).forEach((value, i) => {
      expect(Math.abs(value - original[i]!)).toBeLessThan(0.01);
    });
    const rowBytes = whole.length / 128;
    for (const [first, count] of [
      [0, 1],
      [5, 60],
      [31, 2],
      [127, 1],
      [3, 0],
    ] as const) {
      const rows = await checkpoint.readRows(name, first, count);
      expect(rows).toEqual(whole.slice(first * rowBytes, (first + count) * rowBytes));
    }
    await expect(checkpoint.readRows(name, 100, 29)).rejects.toThrow(InvalidArgumentError);
    await expect(checkpoint.read('lm_tail.weight')).rejects.toThrow(InvalidArgumentError);
  });

  it('has a fingerprint that sees one changed bit of a weight, and only weights', async () => {
    const fingerprint = async (changed: Uint8Array) => {
      const path = join(folder, 'fingerprint.gguf');
      await writeFile(path, changed);
      await using checkpoint = await openGgufCheckpoint(path);
      return await checkpoint.fingerprint();
    };
    const original = await fingerprint(bytes);
    expect(original).toMatch(/^[0-9a-f]{64}$/);
    const changed = Buffer.from(bytes);
    changed[changed.length - 40]! ^= 1;
    expect(await fingerprint(changed)).not.toBe(original);
    expect(await fingerprint(Buffer.concat([bytes, Buffer.alloc(32)]))).toBe(original);
  });

  it('refuses what it does not know', async () => {
    await expect(openBytes(replaced('llama', 'gemma'))).rejects.toThrow(UnsupportedModelError);
    await expect(openBytes(replaced('blk.1.attn_q.weight', 'blk.1.attn_x.weight'))).rejects.toThrow(
      KvSteerError,
    );
    await expect(openBytes(replaced('llama.block_count', 'llama.clock_bount'))).rejects.toThrow(
      InvalidFileError,
    );
    await expect(openGgufCheckpoint(join(folder, 'none.gguf'))).rejects.toThrow(InvalidFileError);
    await expect(openGgufCheckpoint(folder)).rejects.toThrow(InvalidFileError);
    await expect(openBytes(new Uint8Array())).rejects.toThrow(InvalidFileError);
  });

  it('refuses a file that was cut off, wherever', async () => {
    const cut = fc.integer({ min: 0, max: bytes.length - 64 });
    await fc.assert(
      fc.asyncProperty(cut, async (length) => {
        await expect(openBytes(bytes.subarray(0, length))).rejects.toThrow(InvalidFileError);
      }),
      { numRuns: 40 },
    );
  });

  it('throws its own errors for a damaged header', async () => {
    const damage = fc.array(fc.tuple(fc.integer({ min: 0, max: 2500 }), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const changed = Buffer.from(bytes);
        for (const [at, byte] of changes) changed[at] = byte;
        const outcome = await openBytes(changed).catch((error: unknown) => error);
        expect(KvSteerError.isInstance(outcome) || !(outcome instanceof Error)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});
