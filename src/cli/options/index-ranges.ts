import { InvalidArgumentError as BadValue } from 'commander';
import { InvalidArgumentError } from '../../errors.ts';

/** Inclusive; `to` is null where the range goes on to the model's last layer or head. */
export interface IndexRange {
  readonly from: number;
  readonly to: number | null;
}

/** `1-29`, `4,8,12`, `10-`, or several of them with commas between: how layers and heads are named. */
export function parseRanges(text: string): IndexRange[] {
  return text.split(',').map((part) => {
    const match = /^\s*(\d{1,6})(?:\s*(-)\s*(\d{1,6})?)?\s*$/.exec(part);
    if (!match) throw new BadValue('Expected numbers and ranges such as 1-29, 4,8,12 or 10- (from 10 up).');
    const from = Number(match[1]);
    const to = match[3] !== undefined ? Number(match[3]) : match[2] === undefined ? from : null;
    if (to !== null && to < from) throw new BadValue(`The range ${part.trim()} runs backwards.`);
    return { from, to };
  });
}

/**
 * The ascending indices that the ranges name in a model with `count` layers (or heads).
 *
 * @param flag in messages, e.g. `--layers`.
 * @param noun of one index in messages, e.g. `layer`.
 * @throws InvalidArgumentError for an index outside the model, naming it and the model's range.
 */
export function indicesOf(
  ranges: readonly IndexRange[],
  count: number,
  { flag, noun }: { readonly flag: string; readonly noun: string },
): number[] {
  const found = new Set<number>();
  for (const { from, to } of ranges) {
    const last = to ?? count - 1;
    const outside = from >= count ? from : last >= count ? last : null;
    if (outside !== null) {
      throw new InvalidArgumentError(
        flag,
        `${flag}: there is no ${noun} ${outside}. This model has ${count} ${noun}s, 0 to ${count - 1}.`,
      );
    }
    for (let index = from; index <= last; index++) found.add(index);
  }
  return [...found].sort((a, b) => a - b);
}
