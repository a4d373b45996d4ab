/**
 * Names that `wanted` may have been meant for, closest first: those that differ in few characters, and those that
 * hold it or are held by it. Case and the part before the last slash do not count.
 */
export function closestNames(wanted: string, names: readonly string[], limit = 3): string[] {
  const asked = plain(wanted);
  if (asked === '') return [];
  const scored = names.map((name) => {
    const candidate = plain(name);
    const contained = asked.length >= 4 && (candidate.includes(asked) || asked.includes(candidate));
    const distance = editDistance(asked, candidate);
    const near = distance <= Math.max(1, Math.floor(Math.min(asked.length, candidate.length) / 3));
    return { name, score: near ? distance : contained ? 1_000 + distance : Number.POSITIVE_INFINITY };
  });
  const close = scored.filter(({ score }) => Number.isFinite(score)).sort((a, b) => a.score - b.score);
  return close.slice(0, limit).map(({ name }) => name);
}

function plain(name: string): string {
  // Bounded: the distance below takes the product of both lengths.
  return name.slice(-200).toLowerCase().split(/[\\/]/).at(-1) ?? '';
}

/** Insertions, deletions and replacements from one text to the other. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
