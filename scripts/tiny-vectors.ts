/**
 * The bundled model's vectors, one a style: `npm run models:tiny:vectors`. The same bytes each time on one machine.
 *
 *   tsx scripts/tiny-vectors.ts            writes models/tiny/vectors/
 *   tsx scripts/tiny-vectors.ts --choose   sweeps the coefficients over the validation problems, writes nothing
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCli } from '../src/cli/run-cli.ts';
import type { Terminal } from '../src/cli/terminal.ts';
import { loadQuestions } from '../src/data/load-questions.ts';
import { evaluate } from '../src/evaluate/evaluate.ts';
import { loadEngine } from '../src/load-engine.ts';
import { loadVector } from '../src/vectors/vector-file.ts';

const tiny = fileURLToPath(new URL('../models/tiny/', import.meta.url));

/**
 * Chosen with --choose, for all styles alike: of the coefficients that move every answer to its style, the smallest. At 0.5
 * some stay direct, from 1 to 4 nothing changes, at 6 some styles fall apart; keys at 0.2 change nothing.
 */
const recommended = { values: 0.7, keys: 0 };
export const tinyStyles = ['stepwise', 'causal', 'strategy', 'equation'] as const;
/** 16 pairs do as well as 64. */
const pairs = 16;
const turns = 3;
/** A date of its own would make each file new. */
const sourceDate = '1767225600';

/** Writes a vector a style into `folder` through `kvsteer extract`. @returns the exit code of the first that fails, or 0. */
export async function writeTinyVectors(
  folder: string,
  { stdout, stderr }: Pick<Terminal, 'stdout' | 'stderr'> = process,
): Promise<number> {
  await mkdir(folder, { recursive: true });
  process.env.SOURCE_DATE_EPOCH = sourceDate;
  const { values, keys } = recommended;
  for (const style of tinyStyles) {
    const args = [
      ...['extract', '--model', 'tiny', '--precision', 'fp32', '--overwrite', '--no-cache'],
      ...['--data', join(tiny, 'problems', 'pairs-items.jsonl'), '--style', style, '--against', 'direct'],
      ...['--turns', `${turns}`, '--limit', `${pairs}`],
      ...['--recommend-values', `${values}`, '--recommend-keys', `${keys}`],
      ...['--licence', 'MIT', '--creator', 'kvsteer', '--output', join(folder, `${style}.safetensors`)],
    ];
    const { stdin } = process;
    const code = await runCli(args, { stdin, stdout, stderr, signal: new AbortController().signal });
    if (code !== 0) return code;
  }
  return 0;
}

/** Prints, for each style and coefficient, the right answers and the share in the style, on the 200 validation problems. */
async function choose(): Promise<void> {
  const { tmpdir } = await import('node:os');
  const { mkdtemp, readFile, rm } = await import('node:fs/promises');
  const { questions } = await loadQuestions(join(tiny, 'problems', 'validation.jsonl'));
  const card = JSON.parse(await readFile(join(tiny, 'styles.json'), 'utf8'));
  const folder = await mkdtemp(join(tmpdir(), 'kvsteer-vectors-'));
  try {
    await writeTinyVectors(folder);
    await using engine = await loadEngine('tiny', { precision: 'fp32' });
    console.log('\nstyle     values  keys   right  in style  tokens');
    for (const style of tinyStyles) {
      const vector = await loadVector(join(folder, `${style}.safetensors`));
      const pattern = new RegExp(card.styles[style].pattern);
      for (const [keys, sweep] of [
        [0, [0.5, 1, 2, 4, 6]],
        [0.2, [1, 2]],
      ] as const) {
        for (const values of sweep) {
          const plan = { vector, values, keys };
          const { summary, answers } = await evaluate(
            engine,
            questions,
            { it: { plan } },
            { maxTokens: 160 },
          );
          const { it } = summary.conditions;
          const inStyle = answers.it.filter(({ text }) => pattern.test(text.trim())).length / it.n;
          const shares = [it.accuracy, inStyle].map((share) => `${(share * 100).toFixed(1)} %`);
          const cells = [style.padEnd(9), `${values}`.padStart(6), `${keys}`.padStart(5)];
          console.log(
            [...cells, shares[0]!.padStart(7), shares[1]!.padStart(9), it.tokens.toFixed(1).padStart(7)].join(
              ' ',
            ),
          );
        }
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--choose')) await choose();
  else process.exitCode = await writeTinyVectors(join(tiny, 'vectors'));
}
