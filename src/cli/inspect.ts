import type { Command } from 'commander';
import type { VectorInspection } from '../vectors/inspect-vector.ts';
import type { SteeringVector } from '../vectors/vector.ts';
import { readVector } from './read-vector.ts';
import { renderHeatMap } from './render/heat-map.ts';
import { formatPercent, formatRanges } from './render/quantities.ts';
import { renderFields } from './render/table.ts';
import { truncate, wrapText } from './render/wrap.ts';
import { type Colors, colorsOf, printJson, printLine, type Terminal, widthOf } from './terminal.ts';

const examples = `
Reading it:
  norms       How far the vector moves the keys and values of each layer and KV head.
              Layer 0 is not steered by default.
  mean norm   With its 95 % interval, a bootstrap over pairs. Noise makes a norm longer, which the
              interval takes off: it lies lower where the pairs disagree.
  split half  Cosine between the vectors of the even and of the odd pairs. Near 1 there are enough
              pairs, and they agree.
  clusters    With --aggregate kmeans the file holds several vectors; the one whose pairs' prompts
              are nearest to the prompt is used.
  artefact    Positive prompts are longer than negative ones, so post-RoPE keys, as published,
              differ by position alone. This is the share of them that is only that. Un-rotated
              keys, the default of \`kvsteer extract\`, are free of it.

Examples:
  kvsteer inspect steps.safetensors
  kvsteer inspect steps.safetensors --json
`;

export function addInspectCommand(program: Command, terminal: Terminal): void {
  program
    .command('inspect')
    .summary('what a vector file holds')
    .description(
      'Shows what a vector was made from and for, its norms by layer and KV head, whether its pairs agree, and how much of its keys is an artefact of position.',
    )
    .argument('<file>', 'vector file')
    .option('--json', 'print one JSON object instead')
    .addHelpText('after', examples)
    .action((file: string, flags: { json?: boolean }) => inspect(file, flags, terminal));
}

async function inspect(
  file: string,
  flags: { readonly json?: boolean },
  { stdout }: Terminal,
): Promise<void> {
  const { inspectVector } = await import('../vectors/inspect-vector.ts');
  const vector = await readVector(file);
  const inspection = inspectVector(vector);
  if (flags.json) {
    const { keys: _keys, values: _values, statistics: _statistics, centroids, ...metadata } = vector;
    const clusters = centroids?.map(({ pairs }) => ({ pairs })) ?? null;
    printJson(stdout, { path: file, ...metadata, clusters, ...inspection });
    return;
  }
  const colors = colorsOf(stdout);
  const width = widthOf(stdout);
  const keysTitle = `keys (${vector.keyMode}), norms`;
  printLine(stdout, `${colors.bold(file)}\n`);
  printLine(stdout, renderFields(fieldsOf(vector, width), colors));
  printLine(
    stdout,
    `\n${renderHeatMap({ title: 'values, norms', values: inspection.valueNorms }, width, colors)}`,
  );
  printLine(stdout, `\n${renderHeatMap({ title: keysTitle, values: inspection.keyNorms }, width, colors)}`);
  printLine(stdout, `\n${renderFields(measuresOf(vector, inspection), colors)}`);
  const verdict = artefactVerdict(vector);
  if (verdict !== null) printLine(stdout, `\n${paragraph(verdict, width, vector.keyMode, colors)}`);
}

function paragraph(text: string, width: number, keyMode: string, colors: Colors): string {
  const lines = wrapText(text, width);
  return lines.map((line) => (keyMode === 'post-rope' ? colors.yellow(line) : colors.dim(line))).join('\n');
}

type Field = readonly [name: string, value: string | null];

function fieldsOf(vector: SteeringVector, width: number): Field[] {
  const { model, extraction, recommended } = vector;
  const line = (text: string | null) => (text === null ? null : truncate(text, width - 16));
  const advice = [
    recommended.values === null ? '' : `values × ${recommended.values}`,
    recommended.keys === null ? '' : `keys × ${recommended.keys}`,
    recommended.layers === null ? '' : `layers ${formatRanges(recommended.layers)}`,
  ].filter((text) => text !== '');
  const offset = extraction.offsetToken === null ? '' : `, offset token ${extraction.offsetToken} appended`;
  return [
    ['model', line(model.name)],
    ['weights', `${model.fingerprint.slice(0, 16)}…`],
    ['shape', `${model.layers} layers × ${model.kvHeads} KV heads × head_dim ${model.headDim}`],
    ['chat template', model.chatTemplateHash === null ? 'none' : `${model.chatTemplateHash.slice(0, 16)}…`],
    ['made from', originText(vector)],
    ...partsOf(vector, width),
    ['extracted at', `${positionText(extraction.position)}${offset}`],
    ['keys', vector.keyMode === 'unrotated' ? 'un-rotated (RoPE taken off)' : 'post-RoPE (as published)'],
    ['recommended', advice.join(', ')],
    ['recipe', line(vector.recipe)],
    ['made', line([vector.created, vector.creator].filter((part) => part !== null).join(' by '))],
    ['licence', line(vector.licence)],
  ];
}

/** Clusters and kept heads, where there are any. */
export function partsOf(vector: SteeringVector, width: number): Field[] {
  const kept = keptText(vector);
  return [
    ['clusters', clustersText(vector)],
    ['kept heads', kept && truncate(kept, width - 16)],
  ];
}

function originText({ aggregation, pairs }: SteeringVector): string {
  switch (aggregation) {
    case 'random':
      return 'random numbers (a control)';
    case 'combined':
      return 'other vectors';
    case 'imported':
      return "another tool's file";
    default:
      return aggregation === 'mean'
        ? pairsText(pairs)
        : `${pairsText(pairs)}, ${aggregationWords[aggregation]}`;
  }
}

const aggregationWords = {
  median: 'median of each component',
  pca: 'principal direction of each layer',
  kmeans: 'clustered by k-means',
  whitened: 'mean, whitened',
} as const;

function clustersText({ centroids }: SteeringVector): string | null {
  return centroids === null
    ? null
    : `${centroids.map(({ pairs }) => pairs).join(' + ')} pairs, a vector each`;
}

function keptText({ keptHeads, model }: SteeringVector): string | null {
  if (keptHeads === null) return null;
  const count = keptHeads.reduce((sum, heads) => sum + heads.length, 0);
  const where = keptHeads.flatMap((heads, layer) =>
    heads.length > 0 ? [`${layer}:${heads.join('/')}`] : [],
  );
  return `${count} of ${model.layers * model.kvHeads}${count === 0 ? '' : ` (layer:head ${where.join(', ')})`}`;
}

function pairsText(pairs: SteeringVector['pairs']): string {
  return pairs === null
    ? 'unknown pairs'
    : `${pairs.count} contrastive pair${pairs.count === 1 ? '' : 's'}, ${pairs.hash.slice(0, 16)}…`;
}

function positionText(fromEnd: number): string {
  return fromEnd === 1 ? 'the last token' : `token ${fromEnd} from the end`;
}

export function measuresOf(
  vector: SteeringVector,
  { meanKeyNorm, meanValueNorm }: VectorInspection,
): Field[] {
  const { statistics } = vector;
  const half = statistics?.splitHalf ?? null;
  const artefact = statistics?.artefact ?? null;
  // The interval is of the mean of the pairs.
  const isMean =
    (vector.aggregation === 'mean' || vector.aggregation === 'kmeans') && vector.keptHeads === null;
  const interval = isMean ? statistics?.normInterval : undefined;
  const norm = (part: 'keys' | 'values', mean: number) => {
    const bounds = interval?.[part];
    const between = bounds ? ` (${bounds.low.toPrecision(3)} to ${bounds.high.toPrecision(3)})` : '';
    return `${part} ${mean.toPrecision(3)}${between}`;
  };
  return [
    [
      'mean norm',
      `${norm('values', meanValueNorm)}, ${norm('keys', meanKeyNorm)}, a head, layers from 1${interval ? '; 95 % intervals' : ''}`,
    ],
    [
      'split half',
      half === null
        ? null
        : `values ${half.values.overall.toFixed(3)}, keys ${half.keys.overall.toFixed(3)} (cosine)`,
    ],
    [
      'positions',
      statistics === null
        ? null
        : `mean ${Math.round(statistics.positions.positive)} positive, ${Math.round(statistics.positions.negative)} negative`,
    ],
    [
      'artefact',
      artefact === null
        ? null
        : `${formatPercent(1 - artefact.shareLeft.overall)} of the squared norm of the post-RoPE keys is position alone (cosine ${artefact.cosine.overall.toFixed(3)})`,
    ],
  ];
}

function artefactVerdict({ keyMode, statistics }: SteeringVector): string | null {
  if (statistics === null) return null;
  const { shareLeft, postRopeNorm, unrotatedNorm } = statistics.artefact;
  const share = formatPercent(1 - shareLeft.overall);
  const norms = `mean norm ${postRopeNorm.toPrecision(3)} post-RoPE, ${unrotatedNorm.toPrecision(3)} un-rotated`;
  return keyMode === 'post-rope'
    ? `These keys are post-RoPE: ${share} of them only says that positive prompts are longer (${norms}). Extract with --key-mode unrotated, or leave keys at 0.`
    : `These keys are un-rotated, so they carry content only; of post-RoPE keys ${share} would be position (${norms}).`;
}
