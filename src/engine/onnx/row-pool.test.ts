import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutOfMemoryError } from '../../errors.ts';
import { type PoolRow, RowPool } from './row-pool.ts';

const shape = { layers: 2, kvHeads: 2, headDim: 4, contextLength: 2_000 };
const bytesPerPosition = 2 * 2 * 2 * 4 * 4;

/** A number that names its place, so that a moved row can be told from another. */
const mark = (id: number, layer: number, head: number, position: number) =>
  id * 1e6 + layer * 1e5 + head * 1e4 + position;

function fill(pool: RowPool, row: PoolRow, id: number, length: number): void {
  row.length = length;
  for (let l = 0; l < shape.layers; l++) {
    for (let h = 0; h < shape.kvHeads; h++) {
      for (let t = 0; t < length; t++) {
        pool.keys[l]!.fill(mark(id, l, h, t), pool.offset(row, h, t), pool.offset(row, h, t) + shape.headDim);
        pool.values[l]!.fill(
          -mark(id, l, h, t),
          pool.offset(row, h, t),
          pool.offset(row, h, t) + shape.headDim,
        );
      }
    }
  }
}

function expectFilled(pool: RowPool, row: PoolRow, id: number, length: number): void {
  expect(row.length).toBe(length);
  for (let l = 0; l < shape.layers; l++) {
    for (let h = 0; h < shape.kvHeads; h++) {
      for (const t of [0, length >> 1, length - 1]) {
        expect(pool.keys[l]![pool.offset(row, h, t) + shape.headDim - 1]).toBe(mark(id, l, h, t));
        expect(pool.values[l]![pool.offset(row, h, t)]).toBe(-mark(id, l, h, t));
      }
    }
  }
}

describe('RowPool', () => {
  it('keeps every row through any sequence of acquire, release, copy, growth and rearrangement', () => {
    const operation = fc.oneof(
      fc.record({ do: fc.constant('acquire' as const), length: fc.integer({ min: 1, max: 700 }) }),
      fc.record({ do: fc.constant('release' as const), pick: fc.nat() }),
      fc.record({ do: fc.constant('copy' as const), pick: fc.nat() }),
      fc.record({ do: fc.constant('reserve' as const), length: fc.integer({ min: 1, max: 900 }) }),
      fc.record({
        do: fc.constant('batch' as const),
        picks: fc.array(fc.nat(), { minLength: 1, maxLength: 5 }),
      }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
        const pool = new RowPool(shape, 2 ** 30);
        const live = new Map<PoolRow, { id: number; length: number }>();
        let id = 0;
        for (const op of operations) {
          const rows = [...live.keys()];
          if (op.do === 'acquire') {
            const row = pool.acquire(op.length);
            live.set(row, { id: ++id, length: op.length });
            fill(pool, row, id, op.length);
          } else if (op.do === 'reserve') {
            if (pool.rows > 0) pool.reserve(op.length);
          } else if (rows.length > 0) {
            if (op.do === 'batch') {
              const batch = [...new Set(op.picks.map((pick) => rows[pick % rows.length]!))];
              const first = pool.makeContiguous(batch);
              const places = batch.map((row) => row.index).sort((a, b) => a - b);
              expect(places).toEqual(batch.map((_, i) => first + i));
            } else {
              const row = rows[op.pick % rows.length]!;
              if (op.do === 'release') {
                pool.release(row);
                live.delete(row);
              } else {
                const twin = pool.acquire(row.length);
                pool.copy(row, twin);
                live.set(twin, live.get(row)!);
              }
            }
          }
          for (const [row, held] of live) expectFilled(pool, row, held.id, held.length);
          expect(new Set([...live.keys()].map((row) => row.index)).size).toBe(live.size);
          expect(pool.rowsInUse).toBe(live.size);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('states its memory and keeps to the budget, changing nothing when that is full', () => {
    const pool = new RowPool(shape, 3 * 256 * bytesPerPosition);
    const rows = [pool.acquire(100), pool.acquire(256), pool.acquire(1)];
    expect(pool.bytes).toBe(3 * 256 * bytesPerPosition);
    fill(pool, rows[0]!, 1, 100);
    expect(() => pool.acquire(1)).toThrow(OutOfMemoryError);
    expect(() => pool.reserve(257)).toThrow(OutOfMemoryError);
    expect(pool.bytes).toBe(3 * 256 * bytesPerPosition);
    expectFilled(pool, rows[0]!, 1, 100);
    pool.release(rows[1]!);
    expect(pool.hasRoom(200)).toBe(true);
    expect(pool.acquire(200).index).toBe(1);
  });

  it('gives its memory back when nothing is held and it is much', () => {
    const pool = new RowPool(shape, 2 ** 30);
    const rows = Array.from({ length: 1_000 }, () => pool.acquire(500));
    pool.trim();
    expect(pool.bytes).toBeGreaterThan(64 * 2 ** 20);
    for (const row of rows) pool.release(row);
    pool.release(rows[0]!);
    pool.trim();
    expect(pool.bytes).toBe(0);
    expect(pool.acquire(3).length).toBe(0);
  });

  it('leaves room for an answer where the budget allows it', () => {
    const pool = new RowPool(shape, 2 ** 30);
    pool.acquire(256);
    expect(pool.capacity).toBe(512);
    const tight = new RowPool(shape, 256 * bytesPerPosition);
    tight.acquire(256);
    expect(tight.capacity).toBe(256);
  });

  it('takes on rows without moving what is there, as far as the budget goes', () => {
    const pool = new RowPool(shape, 8 * 512 * bytesPerPosition);
    const first = pool.acquire(300);
    fill(pool, first, 1, 300);
    const keys = pool.keys[0]!;
    for (let i = 1; i < 8; i++) pool.acquire(300);
    expect(pool.keys[0]).toBe(keys);
    expect(keys.length).toBe(8 * pool.rowStride);
    expectFilled(pool, first, 1, 300);
    expect(() => pool.acquire(300)).toThrow(OutOfMemoryError);
  });

  it('gives rows that nobody holds up for longer ones', () => {
    const pool = new RowPool(shape, 4 * 256 * bytesPerPosition);
    const rows = [1, 2, 3, 4].map(() => pool.acquire(100));
    fill(pool, rows[3]!, 4, 100);
    for (const row of rows.slice(0, 3)) pool.release(row);
    const long = pool.acquire(500);
    expect(pool.bytes).toBe(4 * 256 * bytesPerPosition);
    fill(pool, long, 5, 500);
    expectFilled(pool, rows[3]!, 4, 100);
  });

  it('copies in turns what it copies at once', async () => {
    const pool = new RowPool(shape, 2 ** 30);
    const [row, twin] = [pool.acquire(300), pool.acquire(300)];
    fill(pool, row, 3, 290);
    await pool.copyInTurns(row, twin, 250);
    expectFilled(pool, twin, 3, 250);
    expectFilled(pool, row, 3, 290);
  });

  it('never grows past the context', () => {
    const pool = new RowPool({ ...shape, contextLength: 300 }, 2 ** 30);
    pool.acquire(290);
    expect(pool.capacity).toBe(300);
  });
});
