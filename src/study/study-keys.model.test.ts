import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadEngine } from '../load-engine.ts';
import { readItemsFile } from '../pairs/read-pairs-file.ts';
import type { KeyCondition } from './key-effects.ts';
import { studyKeys } from './study-keys.ts';

/** docs/findings/keys.md in small: 12 pairs instead of 100, so the bounds are wide. */
it('on SmolLM2-135M post-RoPE keys are mostly position, and what they do the artefact alone does', async () => {
  await using engine = await loadEngine('smollm2-135m-instruct', { precision: 'fp32', download: false });
  const items = await readItemsFile(
    fileURLToPath(new URL('../../models/pairs/steps.jsonl', import.meta.url)),
  );
  const study = await studyKeys(engine, items, { pairs: 12, questions: 4, draws: 1, values: 4, keys: 1 });
  const { artefact, splitHalf } = study.differences;
  expect(artefact.cosine.overall).toBeGreaterThan(0.94);
  expect(artefact.cosine.overall).toBeLessThan(0.99);
  expect(artefact.shareLeft.overall).toBeLessThan(0.1);
  expect(artefact.postRopeNorm).toBeGreaterThan(2 * artefact.unrotatedNorm);
  expect(splitHalf!.unrotatedKeys.overall).toBeGreaterThan(0.95);
  const effect = (name: KeyCondition) => study.effects.find(({ condition }) => condition === name)!;
  expect(effect('values').gap.mean).toBeGreaterThan(effect('nothing').gap.mean + 0.2);
  const keys = effect('post-rope').beyondValues.mean;
  expect(keys).toBeGreaterThan(0.1);
  expect(effect('artefact').beyondValues.mean).toBeGreaterThan(keys / 2);
  expect(Math.abs(effect('unrotated').beyondValues.mean)).toBeLessThan(keys / 2);
});
