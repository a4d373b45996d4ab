import { InvalidArgumentError } from '../errors.ts';
import { seededRandom } from '../tensor/random.ts';
import { nearestByWords } from './nearest.ts';

/**
 * The example turns of an item: `count` indices of other items, or fewer where there are not that many, in the order
 * they are shown. Called for the items in ascending order.
 */
export type ExampleChooser = (item: number, count: number) => readonly number[];

/**
 * Which items each item shows as example turns. `given` (default): item i shows i+1, i+2, ... (around the end);
 * `fixed`: all show the first ones, so that prompts begin alike; `random`: others without repetition, by the seed; `nearest`:
 * the questions that share most words (BM25), the nearest last; a function of your own, such as `nearestByEmbedding`
 * gives; or a list of item indices for each item.
 */
export type ExampleSelection =
  | (typeof exampleSelections)[number]
  | ExampleChooser
  | readonly (readonly number[])[];

export const exampleSelections = ['given', 'fixed', 'random', 'nearest'] as const;

/**
 * @returns the example turns of each item, never holding the item itself.
 * @throws InvalidArgumentError for fewer than `turns` other items, or indices that are not of another item; those of a
 * function are checked as they come.
 */
export function selectExamples(
  questions: readonly string[],
  turns: number,
  selection: ExampleSelection,
  seed: number,
): (item: number) => readonly number[] {
  const count = questions.length;
  if (typeof selection === 'object') {
    const lists = checkedLists(count, selection);
    return (item) => lists[item]!;
  }
  if (!Number.isSafeInteger(turns) || turns < 1 || turns > count - 1) {
    throw new InvalidArgumentError(
      'turns',
      `Example turns come from the other items: with ${count} items expected 1 to ${count - 1}, not ${turns}.`,
    );
  }
  const choose = typeof selection === 'function' ? selection : chooserOf(selection, questions, seed);
  return (item) => checkedIndices(choose(item, turns), item, count);
}

function chooserOf(
  selection: (typeof exampleSelections)[number],
  questions: readonly string[],
  seed: number,
): ExampleChooser {
  const count = questions.length;
  switch (selection) {
    case 'given':
      return nextItems(count);
    case 'fixed':
      return (item, turns) => Array.from({ length: turns }, (_, turn) => (turn < item ? turn : turn + 1));
    case 'random': {
      const random = seededRandom(seed);
      return (item, turns) => {
        const chosen = new Set<number>();
        while (chosen.size < turns) {
          // Of the count - 1 others: those from `item` on are one further.
          const other = Math.floor(random() * (count - 1));
          chosen.add(other < item ? other : other + 1);
        }
        return [...chosen];
      };
    }
    case 'nearest':
      return nearestByWords(questions);
    default:
      throw new InvalidArgumentError(
        'selection',
        `Expected one of ${exampleSelections.join(', ')}, a function, or a list of item indices for each item, not ${JSON.stringify(selection satisfies never)}.`,
      );
  }
}

/** Those that come after the item, around the end. */
export function nextItems(count: number): ExampleChooser {
  return (item, wanted) =>
    Array.from({ length: Math.min(wanted, count - 1) }, (_, i) => (item + i + 1) % count);
}

function checkedLists(count: number, lists: readonly (readonly number[])[]): readonly (readonly number[])[] {
  if (lists.length !== count) {
    throw new InvalidArgumentError(
      'selection',
      `Expected a list of example indices for each of the ${count} items, found ${lists.length} lists.`,
    );
  }
  for (const [item, list] of lists.entries()) checkedIndices(list, item, count);
  return lists;
}

function checkedIndices(list: readonly number[], item: number, count: number): readonly number[] {
  const isOther = (index: number) =>
    Number.isSafeInteger(index) && index >= 0 && index < count && index !== item;
  if (list.length > 0 && list.every(isOther)) return list;
  throw new InvalidArgumentError(
    'selection',
    `Item ${item}: expected one or more indices of other items (0 to ${count - 1}), found [${list.join(', ')}].`,
  );
}
