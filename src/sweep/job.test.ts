import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, InvalidFileError } from '../errors.ts';
import { hashVector } from '../evaluate/vector-hash.ts';
import { madeRun, sweepRun } from '../report/sample-run.test-support.ts';
import { canonicalJson, contentHash, type Json } from './content-hash.ts';
import { jobId, jobsOf, readAnswers, readJob, type SweepJob } from './job.ts';
import { activationOfBlob, vectorBlobs, vectorOfBlob } from './vector-blobs.ts';

const run = sweepRun(10);
const questions = Array.from({ length: 10 }, (_, i) => ({
  id: `q00${i}`,
  question: `How many are ${i}?`,
  choices: null,
  answer: String(i),
  rationale: ['because'],
  source: null,
  licence: null,
}));
const jobs = jobsOf(run.config, questions, {});

describe('contentHash', () => {
  it('is the same in whatever order keys were set, and SHA-256 of the canonical text', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined, e: -0 })).toBe(
      '{"b":[1,{"c":"x","d":null}],"e":0}',
    );
    // echo -n '{"a":1}' | sha256sum
    expect(contentHash({ a: 1 })).toBe('015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862');
  });

  it('says what JSON says', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value as Json))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('jobs', () => {
  it('divide the questions so that a job has about 64 answers, and have stable ids', () => {
    // 9 conditions: 7 questions are 63 answers.
    expect(jobs.map(({ questions: asked }) => asked.length)).toEqual([7, 3]);
    expect(jobs.flatMap(({ questions: asked }) => asked.map(({ id }) => id))).toEqual(
      questions.map(({ id }) => id),
    );
    const through = JSON.parse(JSON.stringify(jobs[0])) as unknown;
    expect(jobId(readJob(through))).toBe(jobId(jobs[0]!));
    expect(new Set(jobs.map(jobId)).size).toBe(2);
    const other = { ...run.config, maxTokens: 9 };
    expect(jobId(jobsOf(other, questions, {})[0]!)).not.toBe(jobId(jobs[0]!));
    expect(jobsOf(run.config, questions, {}, 1)).toHaveLength(10);
  });

  it('are checked field by field: a queue holds what anyone put there', () => {
    const bad: unknown[] = [
      null,
      'job',
      {},
      { ...jobs[0], version: 2 },
      { ...jobs[0], maxTokens: 1e9 },
      { ...jobs[0], questions: [] },
      { ...jobs[0], questions: Array(300).fill(jobs[0]!.questions[0]) },
      { ...jobs[0], conditions: {} },
      { ...jobs[0], vectors: { x: '/etc/passwd' } },
      { ...jobs[0], questions: [{ ...jobs[0]!.questions[0], question: 'x'.repeat(2 ** 20 + 1) }] },
    ];
    for (const payload of bad) expect(() => readJob(payload)).toThrow(InvalidArgumentError);
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => readJob(value)).toThrow(InvalidArgumentError);
      }),
    );
    expect(readJob({ ...jobs[0], extra: 1 })).not.toHaveProperty('extra');
  });

  it('take as results each asked answer once, and nothing else', () => {
    const job = jobs[1] as SweepJob;
    const ids = new Set(job.questions.map(({ id }) => id));
    const whole = run.answers.filter(({ question }) => ids.has(question));
    expect(readAnswers(job, whole)).toEqual(whole);
    const [first] = whole;
    for (const result of [
      null,
      [],
      whole.slice(1),
      [...whole, first],
      [first, ...whole.slice(0, -1)],
      [{ ...first, question: 'q000' }, ...whole.slice(1)],
      [{ ...first, right: 'yes' }, ...whole.slice(1)],
    ]) {
      expect(() => readAnswers(job, result)).toThrow(InvalidArgumentError);
    }
  });
});

describe('vectorBlobs', () => {
  it('are vectors by the SHA-256 of their bytes, and are refused where they are not', () => {
    const { vector } = madeRun({ plain: { condition: run.config.conditions.plain!, right: 0 } }).vectors[0]!;
    const hidden = Float32Array.from({ length: 96 }, (_, i) => i / 7);
    const activation = {
      vector: { hidden, layers: 3, pairs: 5 },
      layer: 1,
      strength: 2,
      tokens: 'every' as const,
    };
    const { blobs, index } = vectorBlobs({
      a: { plan: { vector } },
      b: { plan: { vector } },
      c: { activation },
    });
    expect(blobs.size).toBe(2);
    const hash = index[hashVector(vector)]!;
    const bytes = blobs.get(hash)!;
    expect(hashVector(vectorOfBlob(bytes, hash))).toBe(hashVector(vector));
    const changed = bytes.slice();
    changed[changed.length - 1]! ^= 1;
    expect(() => vectorOfBlob(changed, hash)).toThrow(InvalidFileError);

    const [other] = [...blobs.keys()].filter((key) => key !== hash);
    // As it comes off the wire: at an odd place of a larger buffer.
    const wire = new Uint8Array(1 + 96 * 4);
    wire.set(blobs.get(other!)!, 1);
    expect(activationOfBlob(wire.subarray(1), other!, 3).hidden).toEqual(hidden);
    expect(() => activationOfBlob(wire.subarray(1), other!, 5)).toThrow(/5 layers, found 384 bytes/);
  });
});
