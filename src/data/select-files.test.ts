import { expect, it } from 'vitest';
import { DataNotFoundError } from '../errors.ts';
import { selectDataFiles } from './select-files.ts';

const select = (paths: readonly string[], wanted: string | null = null) =>
  selectDataFiles('owner/set', paths, wanted);

const gsm8k = [
  'README.md',
  'main/test-00000-of-00001.parquet',
  'main/train-00001-of-00002.parquet',
  'main/train-00000-of-00002.parquet',
  'socratic/test-00000-of-00001.parquet',
  'socratic/train-00000-of-00001.parquet',
];
const converted = [
  'plain_text/test/0000.parquet',
  'plain_text/train/0000.parquet',
  'plain_text/validation/0000.parquet',
];
const flat = [
  'gsm8k_test.jsonl',
  'gsm8k_train.jsonl',
  'csqa_dev.jsonl',
  'dataset_infos.json',
  '.cache/x.json',
];

it('finds a config and split, with all its shards in order', () => {
  expect(select(gsm8k, 'main/train')).toEqual([
    'main/train-00000-of-00002.parquet',
    'main/train-00001-of-00002.parquet',
  ]);
  expect(select(gsm8k, 'socratic/test')).toEqual(['socratic/test-00000-of-00001.parquet']);
  expect(select(converted, 'plain_text/validation')).toEqual(['plain_text/validation/0000.parquet']);
  expect(select(converted, 'dev')).toEqual(['plain_text/validation/0000.parquet']);
  expect(
    select(['data/validation-00000-of-00001.parquet', 'data/train-00000-of-00001.parquet'], 'validation'),
  ).toEqual(['data/validation-00000-of-00001.parquet']);
  expect(select(flat, 'gsm8k/test')).toEqual(['gsm8k_test.jsonl']);
  expect(select(flat, 'csqa')).toEqual(['csqa_dev.jsonl']);
});

it('takes a path as it is, one part where there is one, and one format of several', () => {
  expect(select(gsm8k, 'README.md')).toEqual(['README.md']);
  expect(select(['rows.csv', 'README.md'])).toEqual(['rows.csv']);
  expect(select(['test.csv', 'test.parquet', 'test.jsonl'], 'test')).toEqual(['test.parquet']);
  // "contest" names no split
  expect(select(['contest.jsonl'])).toEqual(['contest.jsonl']);
});

it('lists the parts where the wanted one is not there, or not one', () => {
  const refused = (paths: readonly string[], wanted: string | null) => {
    try {
      select(paths, wanted);
    } catch (error) {
      expect(error).toBeInstanceOf(DataNotFoundError);
      return (error as Error).message;
    }
    return '';
  };
  expect(refused(gsm8k, 'validation')).toContain(
    'owner/set has no part "validation". It has main/test, main/train, socratic/test, socratic/train.',
  );
  expect(refused(gsm8k, 'test')).toMatch(
    /several parts that "test" may mean: main\/test, socratic\/test.*owner\/set:main\/test/,
  );
  expect(refused(gsm8k, null)).toMatch(/several parts: main\/test/);
  expect(refused(['README.md'], null)).toContain('no files of rows: expected .parquet');
});
