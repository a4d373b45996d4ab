/** Answers of competition mathematics, written in LaTeX: found, brought to one form, compared. */

/**
 * The final answer of a worked solution: what the last `\boxed{...}` (or `\fbox`) holds, else what follows the last "answer
 * is" up to the end of its sentence. Null where there is neither.
 */
export function mathAnswer(text: string): string | null {
  const boxed = lastBoxed(text);
  if (boxed !== null) return boxed.trim() === '' ? null : boxed.trim();
  const said = [...text.matchAll(/\banswer is:?\s*(.+?)(?:\.(?=\s|$)|\n|$)/gi)].at(-1)?.[1];
  const answer = said?.replace(/^\$+|\$+$/g, '').trim();
  return answer ? answer : null;
}

/** The last box whose braces close. */
function lastBoxed(text: string): string | null {
  let found: string | null = null;
  for (const match of text.matchAll(/\\(?:boxed|fbox)\s*\{/g)) {
    const from = match.index + match[0].length;
    const to = closingBrace(text, from);
    if (to !== null) found = text.slice(from, to);
  }
  if (found !== null) return found;
  // `\boxed 5` is legal LaTeX as well.
  return [...text.matchAll(/\\boxed\s+([^\s$.]+)/g)].at(-1)?.[1] ?? null;
}

/** Index of the brace that closes what is open before `from`. */
function closingBrace(text: string, from: number): number | null {
  let depth = 1;
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '{') depth++;
    else if (text[i] === '}' && --depth === 0) return i;
  }
  return null;
}

/** Layout, units and other ways to write the same. In order. */
const rewrites: readonly (readonly [pattern: RegExp, by: string])[] = [
  [/\\(?:left|right|big|Big|bigg|Bigg)(?![a-zA-Z])/g, ''],
  [/\\[,;:!> ]|~|\\q?quad/g, ''],
  [/\\[dt]frac/g, '\\frac'],
  [/\\(?:text|mathrm|mbox|textbf|mathbf)\s*\{\s*([^{}]*?)\s*\}(?:\^\{?\d\}?)?$/g, '\\unit{$1}'],
  [/(?<=[\d}])\s*\\unit\{(?![^{}]*\b(?:and|or)\b)[^{}]*\}$/g, ''],
  [/\\unit\{([^{}]*)\}/g, '$1'],
  [/\\(?:text|mathrm|mbox|textbf|mathbf)\s*\{\s*([^{}]*?)\s*\}/g, '$1'],
  [/\^\s*\{?\\circ\}?|\\degree|°/g, ''],
  [/\\?%|\\?\$/g, ''],
  [/\\cdot|\\times/g, '*'],
  [/\\leq?(?![a-z])/g, '<='],
  [/\\geq?(?![a-z])/g, '>='],
  [/\\pi(?![a-z])/g, 'pi'],
  [/\{,\}/g, ','],
  [/\\infty/g, 'inf'],
  [/(?<=\d),(?:\\!)?(?=\d{3}(?!\d))/g, ''],
  [/\\frac\s*([0-9a-zA-Z])\s*([0-9a-zA-Z])/g, '\\frac{$1}{$2}'],
  [/\\frac\s*([0-9a-zA-Z])\s*\{/g, '\\frac{$1}{'],
  [/\\sqrt\s*([0-9a-zA-Z])/g, '\\sqrt{$1}'],
  [/\s+/g, ''],
  [/\^\{(\w)\}/g, '^$1'],
  [/^[a-zA-Z](?:\([a-z]\))?(?:=|\\in)/, ''],
  [/\.$/, ''],
];

/**
 * One form for one answer: no blanks, dollars, units, degrees, `\left` or `\text`; `\dfrac12` is `\frac{1}{2}`, `a/b` too;
 * thousands commas gone; "x = 5" is "5".
 */
export function normaliseMath(answer: string): string {
  let text = answer.trim();
  for (const [pattern, by] of rewrites) text = text.replace(pattern, by);
  return text.replace(/^(-?)(\d+)\/(\d+)$/, '$1\\frac{$2}{$3}');
}

/**
 * Whether two answers are the same: alike once normalised, the same number (fractions and decimals are numbers), or lists in the
 * same brackets whose members are pairwise the same. Expressions that are equal only by algebra are not found to be.
 */
export function isSameMath(answer: string, expected: string): boolean {
  return isSame(normaliseMath(answer), normaliseMath(expected));
}

function isSame(a: string, b: string): boolean {
  if (a === b) return true;
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== null && y !== null) return Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(y));
  const [listA, listB] = [membersOf(a), membersOf(b)];
  if (listA === null || listB === null || listA.length !== listB.length) return false;
  if (bracketsOf(a) !== bracketsOf(b)) return false;
  return listA.every((member, i) => isSame(member, listB[i]!));
}

/** Of a normalised answer: `-3`, `.5`, `\frac{1}{2}`, `-\frac{1}{2}`. */
function numberOf(text: string): number | null {
  if (/^-?(?:\d+\.?\d*|\.\d+)$/.test(text)) return Number(text);
  const fraction = /^(-?)(\d*)\\frac\{(-?\d+(?:\.\d+)?)\}\{(-?\d+(?:\.\d+)?)\}$/.exec(text);
  if (fraction === null) return null;
  const [, sign, whole, over, under] = fraction;
  if (Number(under) === 0) return null;
  const value = Number(whole || 0) + Number(over) / Number(under);
  return sign === '-' ? -value : value;
}

function bracketsOf(list: string): string {
  return /^[([].*[)\]]$/.test(list) ? `${list[0]}${list.at(-1)}` : '';
}

/** Of `(a,b)`, `[a,b]` or `a,b`: the parts between commas outside brackets; null for one part. */
function membersOf(text: string): string[] | null {
  const inner = /^[([].*[)\]]$/.test(text) ? text.slice(1, -1) : text;
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < inner.length; i++) {
    if ('([{'.includes(inner[i]!)) depth++;
    else if (')]}'.includes(inner[i]!)) depth--;
    else if (inner[i] === ',' && depth === 0) {
      parts.push(inner.slice(from, i));
      from = i + 1;
    }
  }
  parts.push(inner.slice(from));
  return parts.length > 1 ? parts : null;
}
