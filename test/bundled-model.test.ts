/** The bundled model against PyTorch: models/tiny/parity.json was made in float32 from the same file, dequantised. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import { loadEngine } from '../src/load-engine.ts';
import { makePair } from '../src/pairs/pair.ts';
import { generate, steer } from '../src/steer/steer.ts';
import { extractVector } from '../src/vectors/extract-vector.ts';

const tiny = (path: string) => fileURLToPath(new URL(`../models/tiny/${path}`, import.meta.url));

interface Parity {
  readonly cases: readonly {
    readonly name: string;
    readonly text: string;
    readonly ids: readonly number[];
    readonly logits: readonly number[];
    readonly greedy: readonly number[];
  }[];
  readonly steered: {
    readonly ids: readonly number[];
    readonly offset: number;
    readonly c_values: number;
    readonly c_keys: number;
    readonly greedy: readonly number[];
    readonly greedyText: string;
  };
}

interface Item {
  readonly question: string;
  readonly styles: Readonly<Record<string, string>>;
}

const parity: Parity = JSON.parse(readFileSync(tiny('parity.json'), 'utf8'));
const items: Item[] = readFileSync(tiny('problems/pairs-items.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

let engine: Engine;
beforeAll(async () => {
  engine = await loadEngine('tiny', { precision: 'fp32', download: false });
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
});

describe('the bundled model', () => {
  it.each(parity.cases)('$name: ids, logits and greedy tokens are those of PyTorch', async (expected) => {
    expect(engine.tokenizer.encode(expected.text)).toEqual(expected.ids);
    const { cache, logits } = await engine.prefill(expected.ids);
    await cache[Symbol.asyncDispose]();
    const largest = logits.reduce((most, x, i) => Math.max(most, Math.abs(x - expected.logits[i]!)), 0);
    expect(largest).toBeLessThan(2e-3);
    const { tokens } = await generate(engine, expected.ids, { maxTokens: expected.greedy.length });
    expect(tokens).toEqual(expected.greedy);
  });

  it('steers as PyTorch does: the same vector, the same edit, the same tokens', async () => {
    const turns = (index: number, style: string) => [
      ...[1, 2, 3].flatMap((next) => {
        const item = items[(index + next) % items.length]!;
        return [
          { role: 'user', content: item.question },
          { role: 'assistant', content: item.styles[style]! },
        ];
      }),
      { role: 'user', content: items[index]!.question },
    ];
    const pairs = items.map((_, i) =>
      makePair(turns(i, 'stepwise'), turns(i, 'direct'), { tokenizer: engine.tokenizer }),
    );
    const vector = await extractVector(engine, pairs);
    const { ids, offset, c_values, c_keys, greedy, greedyText } = parity.steered;
    const plan = { vector, values: c_values, keys: c_keys };
    const result = await steer(engine, ids, plan, { offset, maxTokens: greedy.length });
    expect(result.editedPosition).toBe(ids.length - 1);
    expect(result.tokens).toEqual(greedy);
    expect(result.text).toBe(greedyText);
  });
});
