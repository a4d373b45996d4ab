import { InvalidFileError } from '../../errors.ts';

/**
 * Holds a loaded graph to the inputs and outputs that `graph/decoder-graph.ts` describes.
 *
 * @throws InvalidFileError
 */
export function checkGraphLayout(
  path: string,
  found: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
  { layers, taps }: { readonly layers: number; readonly taps: boolean },
): void {
  const perLayer = (prefix: string) =>
    Array.from({ length: layers }, (_, l) => [`${prefix}.${l}.key`, `${prefix}.${l}.value`]).flat();
  const inputs = ['input_ids', 'seqlens_k', 'total_sequence_length', 'logits_at'];
  const wanted = {
    inputs: [...inputs, ...(taps ? ['residual_offset'] : []), ...perLayer('past_key_values')],
    outputs: ['logits', ...(taps ? ['hidden'] : []), ...perLayer('present')],
  };
  for (const kind of ['inputs', 'outputs'] as const) {
    const missing = wanted[kind].filter((name) => !found[kind].includes(name));
    const unknown = found[kind].filter((name) => !wanted[kind].includes(name));
    if (missing.length === 0 && unknown.length === 0) continue;
    const list = (names: readonly string[]) =>
      names.slice(0, 4).join(', ') + (names.length > 4 ? ', ...' : '');
    const parts = [
      missing.length > 0 ? `lacks the ${kind} ${list(missing)}` : '',
      unknown.length > 0 ? `has the ${kind} ${list(unknown)}` : '',
    ];
    throw new InvalidFileError(
      path,
      `Expected a graph that kvsteer wrote for a model of ${layers} layers, but it ${parts.filter(Boolean).join(' and ')}. Delete its folder: it is written anew from the checkpoint.`,
    );
  }
}
