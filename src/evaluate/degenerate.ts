/** Longest piece looked for. */
const LONGEST = 200;
/** A loop has come round so often in a row. */
const ROUNDS = 4;
/** In characters: four rounds of a short word are emphasis, not a loop. */
const LEAST_IN_ALL = 48;

/**
 * Whether an answer got stuck: it **ends** in a piece of 1 to 200 characters that stands there at least four times in a
 * row, 48 characters or more in all (a cut-off last round is allowed); blanks count as one. So "the the the ..." and a paragraph said
 * over and over are loops, a list of similar lines is not.
 */
export function isDegenerate(text: string): boolean {
  const end = text.trim().replace(/\s+/g, ' ');
  for (let period = 1; period <= LONGEST; period++) {
    const needed = Math.max(ROUNDS * period, LEAST_IN_ALL);
    if (needed > end.length) return false;
    let same = 0;
    for (let i = end.length - 1; i >= period && end[i] === end[i - period]; i--) same++;
    if (same + period >= needed) return true;
  }
  return false;
}
