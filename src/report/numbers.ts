import type { Interval } from '../evaluate/statistics/wilson.ts';

/** A share as percent without the sign: `95.4`. */
export function percent(share: number): string {
  return (100 * share).toFixed(1);
}

/** A difference of shares in points, signed: `+3.2`. */
export function points(difference: number): string {
  const text = (100 * difference).toFixed(1);
  // U+2212, as wide as the plus
  return Number(text) === 0 ? '0.0' : difference > 0 ? `+${text}` : `−${text.slice(1)}`;
}

export function percentInterval([low, high]: Interval): string {
  return `[${percent(low)}, ${percent(high)}]`;
}

export function pointsInterval([low, high]: Interval): string {
  return `[${points(low)}, ${points(high)}]`;
}

/** `0.032`, `< 0.001`. */
export function pValue(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}

/** Three significant digits, thousands separated. */
export function amount(value: number | null): string {
  if (value === null) return '–';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return Number(value.toPrecision(3)).toString();
}
