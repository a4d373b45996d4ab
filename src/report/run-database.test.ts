import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { RunDatabase } from './run-database.ts';
import { hostile, sweepRun } from './sample-run.test-support.ts';

describe('RunDatabase', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kvsteer-duckdb-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('holds each run once, is only added to, and answers queries about answers and configurations', async () => {
    const path = join(folder, 'runs.duckdb');
    const run = sweepRun(20);
    const half = { ...run, answers: run.answers.slice(0, 100) };
    {
      await using database = await RunDatabase.open(path);
      expect(await database.add(half)).toBe(100);
      expect(await database.add(run)).toBe(80);
      expect(await database.add(run)).toBe(0);
    }
    await using database = await RunDatabase.open(path);
    const right = await database.query(
      `select condition, sum("right"::int)::int as n from answers where condition in ('plain', 'cot') group by all order by n`,
    );
    expect(right).toEqual({
      columns: ['condition', 'n'],
      rows: [
        ['plain', 2],
        ['cot', 19],
      ],
    });
    const { rows } = await database.query(
      `select a.text, c.config->>'$.edits[0].values' from answers a join conditions c using (run, condition) where question = 'q000' and condition = 'values 2'`,
    );
    expect(rows).toEqual([[hostile, '2']]);
  });

  it('refuses bad queries, other files and what is no database, saying why', async () => {
    await using database = await RunDatabase.open(join(folder, 'other.duckdb'));
    await expect(database.query('select nothing')).rejects.toThrow(/DuckDB refused the query: .*nothing/);
    await expect(database.query(`select * from read_text('/etc/hostname')`)).rejects.toThrow(/disabled/);
    await expect(RunDatabase.open(new URL(import.meta.url).pathname)).rejects.toThrow(InvalidArgumentError);
  });
});
