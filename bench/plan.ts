/** What one run of bench/engine.ts measures, whole or quick. */
export interface SpeedCase {
  /** Positions before decoding; the mean where rows are ragged. */
  readonly context: number;
  readonly prompts: readonly (readonly number[])[];
  /** The same number of tokens with equal rows, for engines that take no others. */
  readonly equalPrompts: readonly (readonly number[])[];
  readonly newTokens: number;
  readonly rounds: number;
}

export interface Plan {
  readonly speed: readonly SpeedCase[];
  readonly steering: { readonly rounds: number; readonly newTokens: number };
  readonly batchSteering: { readonly rounds: number; readonly warmup: number; readonly newTokens: number };
  readonly sweep: {
    readonly prompts: readonly (readonly number[])[];
    readonly settings: number;
    readonly newTokens: number;
  };
}

/** Speed does not depend on which tokens they are. */
export function promptOf(length: number, seed = 0): number[] {
  return Array.from({ length }, (_, i) => 20 + ((i * 37 + seed * 101 + 11) % 1900));
}

/**
 * "What is the capital of France?" in SmolLM2's chat template, and how PyTorch's greedy answer goes on in float32. "The"
 * is given: there the model is as ready to answer in French, and 4-bit engines do.
 */
export const question = {
  prompt: [
    1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182,
    2, 198, 1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531, 198, 504,
  ],
  answer: [3575, 282, 4649, 314, 7042], // capital of France is Paris
} as const;

export function planOf(quick: boolean, rounds: number): Plan {
  const few = Math.max(1, Math.ceil(rounds * 0.6));
  const single = (context: number, count: number): SpeedCase => ({
    context,
    prompts: [promptOf(context)],
    equalPrompts: [promptOf(context)],
    newTokens: quick ? 16 : 64,
    rounds: count,
  });
  const ragged = (rows: number, context: number): SpeedCase => ({
    context,
    // from 3/4 to 5/4 of the mean
    prompts: Array.from({ length: rows }, (_, b) =>
      promptOf(context + Math.round(((b / (rows - 1) - 0.5) * context) / 2), b),
    ),
    equalPrompts: Array.from({ length: rows }, (_, b) => promptOf(context, b)),
    newTokens: quick ? 16 : 32,
    rounds: quick ? 1 : few,
  });
  return {
    speed: quick
      ? [single(64, rounds), single(256, rounds), ragged(8, 48)]
      : [
          single(64, rounds),
          single(256, rounds),
          single(1024, rounds),
          single(2048, few),
          ragged(8, 256),
          ragged(16, 256),
        ],
    steering: quick ? { rounds: 2, newTokens: 16 } : { rounds: 3 * rounds, newTokens: 48 },
    batchSteering: quick
      ? { rounds: 1, warmup: 0, newTokens: 8 }
      : { rounds: rounds + 2, warmup: 1, newTokens: 32 },
    sweep: {
      prompts: Array.from({ length: quick ? 1 : 32 }, (_, i) => promptOf(96 + 2 * i, i)),
      settings: 16,
      newTokens: quick ? 8 : 32,
    },
  };
}
