/** Measures cases side by side: every round runs each case once, in a rotating order, so that drift hits all alike. */
export interface Measured {
  readonly median: number;
  /** Interquartile range over the median. */
  readonly spread: number;
  readonly samples: readonly number[];
}

/** Each case returns the number that it measured itself. The first `warmup` rounds are thrown away. */
export async function interleave<Name extends string>(
  cases: Record<Name, () => Promise<number>>,
  rounds: number,
  warmup = 1,
): Promise<Record<Name, Measured>> {
  const names = Object.keys(cases) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = -warmup; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round + warmup) % names.length]!;
      const value = await cases[name]();
      if (round >= 0) samples[name].push(value);
    }
  }
  return Object.fromEntries(names.map((name) => [name, summarise(samples[name])])) as Record<Name, Measured>;
}

export function summarise(samples: readonly number[]): Measured {
  const median = quantile(samples, 0.5);
  return { median, spread: (quantile(samples, 0.75) - quantile(samples, 0.25)) / median, samples };
}

/** Median of the rounds' own ratios: what both cases share in a round cancels. */
export function medianRatio(a: Measured, b: Measured): number {
  return quantile(
    a.samples.map((value, i) => value / b.samples[i]!),
    0.5,
  );
}

function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)]!;
  return low + (sorted[Math.ceil(at)]! - low) * (at - Math.floor(at));
}
