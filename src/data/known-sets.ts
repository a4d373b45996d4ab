/** Question sets that have a name of their own. */
export interface KnownSet {
  readonly name: string;
  readonly description: string;
  readonly licence: string;
  /** Who published it. */
  readonly source: string;
  /**
   * Where each split is: a hub part or an address, tried in this order; or `bundled`. The ids of a split's rows that have
   * none begin with `NAME-SPLIT-`.
   */
  readonly splits: Readonly<Record<string, readonly string[]>>;
}

/** A split that comes with the package. */
export const BUNDLED = 'bundled';

const gsm8kFiles =
  'https://raw.githubusercontent.com/openai/grade-school-math/3101c7d5072418e28b9008a6636bde82a006892c/grade_school_math/data';
const strategyqaFiles =
  'https://raw.githubusercontent.com/eladsegal/strategyqa/1ba1e97452e189569357876f2854b01357ffbe37/data/strategyqa';

export const knownSets: readonly KnownSet[] = [
  {
    name: 'gsm8k-slice',
    description: 'GSM8K, 64 rows of each split: comes with kvsteer',
    licence: 'MIT',
    source: 'openai/grade-school-math',
    splits: { train: [BUNDLED], test: [BUNDLED] },
  },
  {
    name: 'gsm8k',
    description: 'grade-school arithmetic in words, with worked solutions',
    licence: 'MIT',
    source: 'openai/grade-school-math',
    splits: {
      train: ['openai/gsm8k:main/train', `${gsm8kFiles}/train.jsonl`],
      test: ['openai/gsm8k:main/test', `${gsm8kFiles}/test.jsonl`],
    },
  },
  {
    name: 'arc-challenge',
    description: 'science questions for schools, the harder ones, 3 to 5 choices',
    licence: 'CC-BY-SA-4.0',
    source: 'allenai/ai2_arc',
    splits: {
      train: ['allenai/ai2_arc:ARC-Challenge/train'],
      validation: ['allenai/ai2_arc:ARC-Challenge/validation'],
      test: ['allenai/ai2_arc:ARC-Challenge/test'],
    },
  },
  {
    name: 'csqa',
    description: 'CommonsenseQA, 5 choices',
    licence: 'MIT',
    source: 'tau/commonsense_qa',
    splits: {
      train: ['tau/commonsense_qa:train'],
      validation: ['tau/commonsense_qa:validation'],
    },
  },
  {
    name: 'piqa',
    description: 'physical common sense, 2 choices',
    licence: 'AFL-3.0',
    source: 'ybisk/piqa',
    splits: {
      train: ['ybisk/piqa@refs/convert/parquet:plain_text/train'],
      validation: ['ybisk/piqa@refs/convert/parquet:plain_text/validation'],
      'test-unlabelled': ['ybisk/piqa@refs/convert/parquet:plain_text/test'],
    },
  },
  {
    name: 'strategyqa',
    description: 'yes or no, with the facts that decide',
    licence: 'MIT',
    source: 'eladsegal/strategyqa',
    splits: { train: [`${strategyqaFiles}/train.json`], dev: [`${strategyqaFiles}/dev.json`] },
  },
  {
    name: 'math-500',
    description: 'competition mathematics, 500 of the test problems of MATH, with solutions',
    licence: 'MIT',
    source: 'HuggingFaceH4/MATH-500',
    splits: { test: ['HuggingFaceH4/MATH-500:test'] },
  },
  {
    name: 'gpqa',
    description: 'graduate-level science, 4 choices; gated: accept its terms on the hub and set HF_TOKEN',
    licence: 'CC-BY-4.0',
    source: 'Idavidrein/gpqa',
    splits: {
      main: ['Idavidrein/gpqa:gpqa_main.csv'],
      diamond: ['Idavidrein/gpqa:gpqa_diamond.csv'],
      extended: ['Idavidrein/gpqa:gpqa_extended.csv'],
    },
  },
];

/** File name without extension of a split in a folder of data: `arc-challenge:test` is `arc_challenge_test`. */
export function stemOf(set: string, split: string): string {
  return `${set}_${split}`.replaceAll('-', '_');
}
