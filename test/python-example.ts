/** The cases of examples/python/fixtures/expected.json: what transformers gives for a vector, an edit and a prompt. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import { steer } from '../src/steer/steer.ts';
import { loadVector } from '../src/vectors/vector-file.ts';
import { NEAR_TIE } from './goldens.ts';

interface PythonCase {
  readonly name: string;
  readonly model: string;
  /** From the repository's root. */
  readonly vector: string;
  readonly question: string;
  readonly values: number;
  readonly keys: number;
  /** The templated prompt. */
  readonly ids: readonly number[];
  readonly offset: number;
  readonly tokens: readonly number[];
  readonly margins: readonly number[];
}

const path = (local: string) => fileURLToPath(new URL(`../${local}`, import.meta.url));
const { cases }: { cases: readonly PythonCase[] } = JSON.parse(
  readFileSync(path('examples/python/fixtures/expected.json'), 'utf8'),
);

/** One test a case of `model`, in float32. */
export function testPythonCases(model: string, engine: () => Engine): void {
  it.each(cases.filter((one) => one.model === model))('$name', async (expected) => {
    const vector = await loadVector(path(expected.vector));
    const plan = { vector, values: expected.values, keys: expected.keys };
    const result = await steer(engine(), expected.question, plan, { maxTokens: 64 });
    const { tokenizer } = engine();
    const text = tokenizer.applyChatTemplate([{ role: 'user', content: expected.question }]);
    expect(tokenizer.encode(text)).toEqual(expected.ids);
    expect(result.promptTokens).toBe(expected.ids.length);
    expect(result.offsetToken).toBe(expected.offset);
    expect(result.editedPosition).toBe(expected.ids.length - 1);
    // From a near-tie on, another kernel's rounding may choose the runner-up.
    const tie = expected.margins.findIndex((margin) => margin < NEAR_TIE);
    const exact = tie < 0 ? expected.tokens.length : tie;
    expect(exact).toBeGreaterThan(16);
    expect(result.tokens.slice(0, exact)).toEqual(expected.tokens.slice(0, exact));
    if (tie < 0) expect(result.tokens).toEqual(expected.tokens);
  });
}
