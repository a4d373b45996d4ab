import type { Engine } from '../engine/engine.ts';
import { logSumExp } from '../tensor/logits.ts';
import { promptOf, steeredCache } from './ask.ts';
import type { Condition } from './condition.ts';
import { DEFAULT_OFFSET, plansOf } from './condition.ts';
import type { SideEffects } from './run.ts';
import { SharedPrefill } from './shared-prefill.ts';
import { SIDE_EFFECTS_PROMPT, SIDE_EFFECTS_TEXTS } from './side-effects-text.ts';

/** More would hold [T, V] logits of large vocabularies too long. */
const MOST_TOKENS = 64;

/**
 * What an edit does to text that has nothing to do with it: the model is asked for something else, edited as for a
 * question, and made to read four short passages as its answer. The perplexity of their tokens, and how far the next-token
 * distributions are from the unedited model's. Suffix, examples and sampling of a condition play no part.
 */
export async function measureSideEffects(
  engine: Engine,
  conditions: Readonly<Record<string, Condition>>,
  signal: AbortSignal,
): Promise<Record<string, SideEffects>> {
  const { tokenizer } = engine;
  const passages = SIDE_EFFECTS_TEXTS.map((text) => tokenizer.encode(text).slice(0, MOST_TOKENS));
  const sums: Record<string, { logprob: number; kl: number; tokens: number }> = {};
  for (const passage of passages) {
    const plain = new Map<Condition['offset'], Float32Array>();
    await using prefills = new SharedPrefill(engine);
    for (const [name, { plan = null, activation = null, offset = DEFAULT_OFFSET }] of Object.entries(
      conditions,
    )) {
      const read = (condition: Condition) => logitsOf(engine, prefills, condition, passage, signal);
      let reference = plain.get(offset);
      if (reference === undefined) {
        reference = await read({ offset });
        plain.set(offset, reference);
      }
      const isPlain = plansOf({ plan }).length === 0 && activation === null;
      const logits = isPlain ? reference : await read({ plan, activation, offset });
      sums[name] ??= { logprob: 0, kl: 0, tokens: 0 };
      addTo(sums[name], logits, reference, passage, engine.model.vocabSize);
    }
  }
  return Object.fromEntries(
    Object.entries(sums).map(([name, { logprob, kl, tokens }]) => [
      name,
      { perplexity: Math.exp(-logprob / tokens), kl: Math.max(0, kl / tokens) },
    ]),
  );
}

/** [passage.length, V]: row i gives the distribution that passage token i is drawn from. */
async function logitsOf(
  engine: Engine,
  prefills: SharedPrefill,
  condition: Condition,
  passage: readonly number[],
  signal: AbortSignal,
): Promise<Float32Array> {
  const question = {
    id: '',
    question: SIDE_EFFECTS_PROMPT,
    choices: null,
    answer: null,
    rationale: null,
    source: null,
    licence: null,
  };
  const prompt = promptOf(question, condition, engine)!;
  // Forked by every condition of this passage: kept until the passage is done with.
  prefills.announce(prompt.shared);
  prefills.announce(prompt.shared);
  const { cache: prefix, residual } = await steeredCache(engine, prefills, prompt, condition, signal);
  await using _ = prefix;
  const { cache, logits } = await engine.prefill([prompt.feed, ...passage.slice(0, -1)], {
    prefix,
    at: passage.map((_, i) => i),
    signal,
    ...(residual && { residual }),
  });
  await cache[Symbol.asyncDispose]();
  return logits;
}

function addTo(
  sums: { logprob: number; kl: number; tokens: number },
  logits: Float32Array,
  reference: Float32Array,
  passage: readonly number[],
  vocabSize: number,
): void {
  for (const [t, token] of passage.entries()) {
    const row = logits.subarray(t * vocabSize, (t + 1) * vocabSize);
    const norm = logSumExp(row);
    sums.logprob += row[token]! - norm;
    sums.tokens++;
    if (logits === reference) continue;
    const plain = reference.subarray(t * vocabSize, (t + 1) * vocabSize);
    const plainNorm = logSumExp(plain);
    let kl = 0;
    for (let v = 0; v < vocabSize; v++) {
      const p = plain[v]! - plainNorm;
      kl += Math.exp(p) * (p - (row[v]! - norm));
    }
    sums.kl += kl;
  }
}
