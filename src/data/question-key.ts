/**
 * What two questions share when they are the same text: lower-case letters and digits of any script, nothing else, so
 * that blanks, punctuation and capitals do not tell them apart. Choices do not count.
 */
export function questionKey(text: string): string {
  const folded = text.normalize('NFKC').toLowerCase();
  // A question of signs alone ("?!") is still itself.
  return folded.replace(/[^\p{L}\p{N}]+/gu, '') || folded.trim();
}
