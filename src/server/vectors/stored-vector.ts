import { createHash } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { Engine } from '../../engine/engine.ts';
import { InvalidFileError } from '../../errors.ts';
import { readSafetensors, tensorToFloat32 } from '../../tensor/safetensors/read.ts';
import { writeSafetensors } from '../../tensor/safetensors/write.ts';
import type { SteeringVector } from '../../vectors/vector.ts';
import { vectorFromBytes } from '../../vectors/vector-bytes.ts';
import { assertVectorFits } from '../../vectors/vector-fits.ts';
import { type Gate, storedGate } from '../steering/gate.ts';

/** Key of a vector file's metadata. */
const gateKey = 'kvsteer.gate';

/** A vector as the server holds it: read once, checked against the model. */
export interface StoredVector {
  readonly name: string;
  /** Of the file: what was used can be named exactly. */
  readonly sha256: string;
  readonly bytes: number;
  readonly vector: SteeringVector;
  /** What the vector asks of a prompt; null: nothing. */
  readonly gate: Gate | null;
  /** `bundled` ones come with the package and cannot be changed. */
  readonly source: 'bundled' | 'folder';
}

/**
 * @throws InvalidFileError for what is no vector file, ModelMismatchError for one of another model.
 */
export function readStoredVector(
  name: string,
  bytes: Uint8Array,
  source: StoredVector['source'],
  { model, tokenizer }: Pick<Engine, 'model' | 'tokenizer'>,
): StoredVector {
  const vector = vectorFromBytes(bytes, { path: name });
  assertVectorFits(vector, model, tokenizer);
  return {
    name,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.byteLength,
    vector,
    gate: readGate(name, bytes),
    source,
  };
}

function readGate(name: string, bytes: Uint8Array): Gate | null {
  const json = readSafetensors(bytes, name).metadata[gateKey];
  if (json === undefined) return null;
  try {
    return storedGate.parse(JSON.parse(json));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? (cause.issues[0]?.message ?? '') : 'not JSON';
    throw new InvalidFileError(name, `metadata ${gateKey} cannot be read: ${why}. Store the gate again.`, {
      cause,
    });
  }
}

/** The same vector file with another gate, or without one. */
export function withGate(name: string, bytes: Uint8Array, gate: Gate | null): Uint8Array {
  const { tensors, metadata } = readSafetensors(bytes, name);
  const { [gateKey]: _, ...rest } = metadata;
  const copies = new Map(
    [...tensors.values()].map((tensor) => [
      tensor.name,
      { shape: tensor.shape, data: tensorToFloat32(tensor) },
    ]),
  );
  return writeSafetensors(copies, gate === null ? rest : { ...rest, [gateKey]: JSON.stringify(gate) });
}
