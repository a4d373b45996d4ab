import type { ConditionConfig, RunConfig, RunSummary } from '../evaluate/run.ts';
import { inspectVector } from '../vectors/inspect-vector.ts';
import { points } from './numbers.ts';
import type { HeatMap } from './plots/heat-map-plot.ts';
import type { ReportRun } from './report-run.ts';

/** A vector's norms, values and keys. */
export function vectorHeatMaps({ name, vector }: ReportRun['vectors'][number]): HeatMap[] {
  const { keyNorms, valueNorms } = inspectVector(vector);
  const cellsOf = (norms: readonly (readonly number[])[]) =>
    norms.flatMap((heads, layer) => heads.map((value, head) => ({ layer, head, value })));
  const map = (part: string, norms: readonly (readonly number[])[], note: string): HeatMap => ({
    title: `${name}: norms of the ${part}`,
    note,
    cells: cellsOf(norms),
    diverging: false,
    format: (value) => value.toPrecision(2),
  });
  const rotated =
    vector.keyMode === 'unrotated'
      ? 'Keys with RoPE taken off.'
      : 'Keys as cached (post-RoPE): mostly an artefact of position.';
  return [
    map('values', valueNorms, 'Layer 0 is not steered by default.'),
    ...(keyNorms.flat().some((norm) => norm > 0) ? [map('keys', keyNorms, rotated)] : []),
  ];
}

/**
 * What an edit of a single layer, a single head, or both does: from conditions that edit one of them each and are alike
 * otherwise. Accuracy against the baseline, in points.
 */
export function effectHeatMaps(config: RunConfig, summary: RunSummary): HeatMap[] {
  const groups = new Map<string, HeatMap['cells'][number][]>();
  const baseline = summary.conditions[config.baseline];
  if (baseline === undefined) return [];
  for (const [name, condition] of Object.entries(config.conditions)) {
    const found = summary.conditions[name];
    const cell = found && singleCell(condition);
    if (!cell) continue;
    const value = found.accuracy - baseline.accuracy;
    const cells = groups.get(cell.group) ?? [];
    groups.set(cell.group, [...cells, { layer: cell.layer, head: cell.head, value }]);
  }
  return [...groups]
    .filter(([, cells]) => cells.length > 1)
    .map(([group, cells]) => ({
      title: 'Effect of editing one KV head of one layer',
      note: `Accuracy against ${config.baseline}, points; ${group}. Each cell is a condition of its own.`,
      cells,
      diverging: true,
      format: points,
    }));
}

function singleCell({
  edits,
  suffix,
}: ConditionConfig): { readonly layer: number; readonly head: number; readonly group: string } | null {
  const [edit] = edits;
  if (edits.length !== 1 || edit === undefined || edit.layers.length !== 1 || edit.heads.length !== 1) {
    return null;
  }
  const { layers, heads, vector, values, keys } = edit;
  const group = `vector ${vector.slice(0, 8)}, c_v ${values}, c_k ${keys}${suffix === '' ? '' : `, ${JSON.stringify(suffix)}`}`;
  return { layer: layers[0]!, head: heads[0]!, group };
}
