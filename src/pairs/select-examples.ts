import { InvalidArgumentError } from '../errors.ts';
import { seededRandom } from '../tensor/random.ts';

/**
 * Which items each item shows as example turns. `given` (default): item i shows i+1, i+2, ... (around the end);
 * `random`: others without repetition, by the seed; or a list of item indices for each item.
 */
export type ExampleSelection = 'given' | 'random' | readonly (readonly number[])[];

/**
 * @returns one list of item indices for each of the `count` items, never holding the item itself.
 * @throws InvalidArgumentError for fewer than `turns` other items, or indices that are not of another item.
 */
export function selectExamples(
  count: number,
  turns: number,
  selection: ExampleSelection,
  seed: number,
): readonly (readonly number[])[] {
  if (typeof selection !== 'string') return checkedIndices(count, selection);
  if (!Number.isSafeInteger(turns) || turns < 1 || turns > count - 1) {
    throw new InvalidArgumentError(
      'turns',
      `Example turns come from the other items: with ${count} items expected 1 to ${count - 1}, not ${turns}.`,
    );
  }
  switch (selection) {
    case 'given':
      return Array.from({ length: count }, (_, item) =>
        Array.from({ length: turns }, (_, turn) => (item + turn + 1) % count),
      );
    case 'random': {
      const random = seededRandom(seed);
      return Array.from({ length: count }, (_, item) => {
        const chosen = new Set<number>();
        while (chosen.size < turns) {
          // Of the count - 1 others: those from `item` on are one further.
          const other = Math.floor(random() * (count - 1));
          chosen.add(other < item ? other : other + 1);
        }
        return [...chosen];
      });
    }
    default:
      throw new InvalidArgumentError(
        'selection',
        `Expected 'given', 'random' or a list of item indices for each item, not ${JSON.stringify(selection satisfies never)}.`,
      );
  }
}

function checkedIndices(
  count: number,
  lists: readonly (readonly number[])[],
): readonly (readonly number[])[] {
  if (lists.length !== count) {
    throw new InvalidArgumentError(
      'selection',
      `Expected a list of example indices for each of the ${count} items, found ${lists.length} lists.`,
    );
  }
  for (const [item, list] of lists.entries()) {
    const isOther = (index: number) =>
      Number.isSafeInteger(index) && index >= 0 && index < count && index !== item;
    if (list.length === 0 || !list.every(isOther)) {
      throw new InvalidArgumentError(
        'selection',
        `Item ${item}: expected one or more indices of other items (0 to ${count - 1}), found [${list.join(', ')}].`,
      );
    }
  }
  return lists;
}
