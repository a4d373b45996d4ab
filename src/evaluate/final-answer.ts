/**
 * The number that an answer ends with: of the last "The answer is N.", or null where it says none. Thousands commas
 * and a leading currency sign are dropped; `1.50` and `1.5` are the same number.
 */
export function finalNumber(text: string): number | null {
  const found = [...text.matchAll(/\bthe answer is:?\s+[$€£]?(-?\d[\d,]*(?:\.\d+)?)/gi)].at(-1)?.[1];
  return found === undefined ? null : Number(found.replaceAll(',', ''));
}
