import type { Command } from 'commander';
import type { Engine, Tokenizer } from '../engine/engine.ts';
import type { ContrastivePair, PairSide } from '../pairs/pair.ts';
import { openEngine } from './open-engine.ts';
import { addModelOptions, type ModelFlags } from './options/model-options.ts';
import { addPairOptions, type PairFlags, pairHelp } from './options/pair-options.ts';
import { number } from './options/parse.ts';
import { type PreparedPairs, preparePairs } from './prepare-pairs.ts';
import { ProgressBar } from './progress-bar.ts';
import { commonPrefix, readToken, renderPair } from './render/pair.ts';
import { counted } from './render/quantities.ts';
import { renderFields } from './render/table.ts';
import { wrapText } from './render/wrap.ts';
import { colorsOf, printJson, printLine, type Terminal, widthOf } from './terminal.ts';

interface PairsFlags extends PairFlags, ModelFlags {
  /** True without a number. */
  readonly show?: number | true;
  readonly json?: boolean;
}

const examples = `${pairHelp}
The flags are those of \`kvsteer extract\`, which reads the same pairs.

Examples:
  kvsteer pairs --data steps --show
  kvsteer pairs --data gsm8k-slice:train --turns 3 --selection nearest --show 2
  kvsteer pairs --data steps --match-length --json
`;

export function addPairsCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('pairs')
    .summary('look at contrastive pairs before they are extracted')
    .description(
      'Shows contrastive pairs as the model reads them: both prompts, the token whose keys and values are taken, their lengths, and whether the lengths alone would make a difference.',
    )
    .optionsGroup('Output:')
    .option('--show [n]', 'print the first n pairs in full (default: 1)', number({ min: 1, integer: true }))
    .option('--json', 'print one JSON object instead');
  addPairOptions(command);
  addModelOptions(command)
    .addHelpText('after', examples)
    .action((flags: PairsFlags) => pairs(flags, terminal));
}

/** Running figures of one side, or of the gap. */
class Range {
  count = 0;
  #sum = 0;
  least = Infinity;
  most = -Infinity;

  add(value: number): void {
    this.count++;
    this.#sum += value;
    this.least = Math.min(this.least, value);
    this.most = Math.max(this.most, value);
  }

  get mean(): number {
    return this.#sum / this.count;
  }

  toJSON() {
    return { mean: this.mean, least: this.least, most: this.most };
  }
}

interface Measures {
  readonly count: number;
  readonly tokens: { readonly positive: Range; readonly negative: Range };
  /** Positions that are read. */
  readonly positions: { readonly positive: Range; readonly negative: Range };
  /** Tokens that the positive prompt is longer. */
  readonly gap: Range;
  readonly commonPrefix: Range;
  readonly shown: readonly ContrastivePair[];
}

async function pairs(flags: PairsFlags, terminal: Terminal): Promise<void> {
  const { stdout, stderr } = terminal;
  using progress = new ProgressBar(stderr);
  const prepared = await preparePairs(flags, terminal, progress);
  await using engine = await openEngine(flags, terminal, progress);
  const { tokenizer } = engine;
  const show = flags.show === true ? 1 : (flags.show ?? 0);
  const measures = await measure(prepared, tokenizer, show);
  if (flags.json) {
    printJson(stdout, jsonOf(measures, prepared, engine));
    return;
  }
  const colors = colorsOf(stdout);
  const width = widthOf(stdout);
  for (const [i, pair] of measures.shown.entries()) {
    const title = `pair ${i + 1} of ${measures.count}${sourceOf(pair)}`;
    printLine(stdout, `${renderPair(pair, title, tokenizer, width, colors)}\n`);
  }
  printLine(stdout, renderFields(fieldsOf(measures, prepared), colors));
  printLine(stdout, `\n${wrapText(hint(measures, flags), width).map(colors.dim).join('\n')}`);
}

async function measure(prepared: PreparedPairs, tokenizer: Tokenizer, show: number): Promise<Measures> {
  const sides = () => ({ positive: new Range(), negative: new Range() });
  const [tokens, positions, gap, prefix] = [sides(), sides(), new Range(), new Range()];
  const shown: ContrastivePair[] = [];
  for await (const pair of prepared.pairs(tokenizer)) {
    for (const side of ['positive', 'negative'] as const) {
      tokens[side].add(pair[side].tokens.length);
      positions[side].add(pair[side].position);
    }
    gap.add(pair.positive.tokens.length - pair.negative.tokens.length);
    prefix.add(commonPrefix(pair));
    if (shown.length < show) shown.push(pair);
  }
  return { count: gap.count, tokens, positions, gap, commonPrefix: prefix, shown };
}

function sourceOf({ source }: ContrastivePair): string {
  if (source === undefined) return '';
  const { item, examples, padding } = source;
  const added = [...(padding?.positive ?? []), ...(padding?.negative ?? [])];
  const more = added.length === 0 ? '' : `, and ${counted(added.length, 'more turn')} in the shorter prompt`;
  return `: question ${item} after ${examples.join(', ')}${more}`;
}

function fieldsOf(measures: Measures, prepared: PreparedPairs): (readonly [string, string | null])[] {
  const { tokens, positions, gap, count } = measures;
  const range = ({ mean, least, most }: Range) => `mean ${mean.toFixed(0)} (${least} to ${most})`;
  const left = prepared.leftOut.length;
  return [
    ['pairs', `${count}${left === 0 ? '' : `, ${left} left out by --max-gap`}`],
    ['made of', prepared.recipe()],
    ['tokens', `positive ${range(tokens.positive)}, negative ${range(tokens.negative)}`],
    [
      'positions',
      `mean ${positions.positive.mean.toFixed(0)} positive, ${positions.negative.mean.toFixed(0)} negative`,
    ],
    ['gap', range(gap)],
    ['alike', `the first ${range(measures.commonPrefix)} tokens`],
  ];
}

/** What the lengths mean for the keys. */
function hint({ gap }: Measures, { matchLength }: PairFlags): string {
  if (Math.abs(gap.mean) < 1) {
    return 'Both prompts are equally long, so the position of the token that is read makes no difference.';
  }
  const longer = `${gap.mean > 0 ? 'Positive' : 'Negative'} prompts are ${Math.abs(gap.mean).toFixed(0)} tokens longer on average`;
  if (matchLength) {
    return `${longer} still: there are too few questions, or too long ones, to match them more exactly.`;
  }
  return `${longer}, so post-RoPE keys, as published, would mostly differ by their position. Un-rotated keys, the default of kvsteer extract, are free of it; --match-length takes the difference away.`;
}

function jsonOf(measures: Measures, prepared: PreparedPairs, { tokenizer, model }: Engine): object {
  const { shown, count, ...ranges } = measures;
  const side = (from: PairSide) => ({
    text: from.text,
    tokens: from.tokens.length,
    position: from.position,
    token: { id: from.tokens[from.position], text: JSON.parse(readToken(from, tokenizer)) },
  });
  return {
    model: model.name,
    pairs: count,
    leftOut: prepared.leftOut,
    recipe: prepared.recipe(),
    ...ranges,
    shown: shown.map((pair) => ({
      source: pair.source ?? null,
      commonPrefix: commonPrefix(pair),
      offsetToken: pair.offsetToken,
      positive: side(pair.positive),
      negative: side(pair.negative),
    })),
  };
}
