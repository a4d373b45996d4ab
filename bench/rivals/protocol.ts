/**
 * Each engine runs in a process of its own and is told, one JSON line at a time, what to measure; it answers on file
 * descriptor 3, so that what a library prints does no harm. `torch.py` speaks the same.
 */
import { readFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** All of it greedy, without an end-of-text stop. B rows. */
export interface Timed {
  /** Until the first token of every row is known. */
  readonly prefillMs: number;
  /** `newTokens` further tokens of every row. */
  readonly decodeMs: number;
  /** [B, 1 + newTokens] */
  readonly tokens: readonly (readonly number[])[];
}

export interface Measuring {
  /** What runs: versions, weights, settings. */
  readonly about: string;
  /** Rows of one length only. */
  readonly sameLengths?: boolean;
  measure(prompts: readonly (readonly number[])[], newTokens: number): Promise<Timed>;
  /** What only this engine can do. */
  readonly more?: Readonly<Record<string, (argument: never) => Promise<unknown>>>;
}

export type Request =
  | { readonly do: 'measure'; readonly prompts: readonly (readonly number[])[]; readonly newTokens: number }
  | { readonly do: 'peak' }
  | { readonly do: string; readonly argument: unknown };

/** The first answer says that the engine is open. */
export async function serve(open: () => Promise<Measuring>): Promise<void> {
  const answer = (value: unknown) => writeSync(3, `${JSON.stringify(value)}\n`);
  try {
    const engine = await open();
    answer({ about: engine.about, sameLengths: engine.sameLengths ?? false });
    for await (const line of createInterface({ input: process.stdin })) {
      answer({ value: await carryOut(engine, JSON.parse(line)) });
    }
    process.exit(0);
  } catch (error) {
    answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exit(1);
  }
}

async function carryOut(engine: Measuring, request: Request): Promise<unknown> {
  if ('prompts' in request) return await engine.measure(request.prompts, request.newTokens);
  if (request.do === 'peak') return peakBytes();
  const work = engine.more?.[request.do];
  if (!work) throw new Error(`This engine does not know how to "${request.do}".`);
  return await work(('argument' in request ? request.argument : undefined) as never);
}

/** Largest resident size so far. Linux counts the parent's into maxRSS, so its own figure is read where there is one. */
function peakBytes(): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

/** Index of the largest of numbers `from` .. `from + length - 1`, counted from `from`. */
export function argmax(logits: Float32Array, from = 0, length = logits.length): number {
  let best = from;
  for (let i = from + 1; i < from + length; i++) if (logits[i]! > logits[best]!) best = i;
  return best - from;
}
