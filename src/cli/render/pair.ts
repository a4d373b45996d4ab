import type { Tokenizer } from '../../engine/engine.ts';
import type { ContrastivePair, PairSide } from '../../pairs/pair.ts';
import type { Colors } from '../terminal.ts';
import { counted } from './quantities.ts';
import { wrapText } from './wrap.ts';

/** Private-use characters: they stand around the marked token while the text is broken into lines. */
const [OPEN, CLOSE] = ['\uE000', '\uE001'];
const INDENT = '  ';

/** Tokens that both prompts begin with. */
export function commonPrefix({ positive, negative }: ContrastivePair): number {
  const [one, other] = [positive.tokens, negative.tokens];
  const most = Math.min(one.length, other.length);
  let length = 0;
  while (length < most && one[length] === other[length]) length++;
  return length;
}

/** The token whose key and value are taken, as text with its blanks visible: `"\n"`. */
export function readToken({ tokens, position }: PairSide, tokenizer: Tokenizer): string {
  return JSON.stringify(tokenizer.decode([tokens[position]!], { skipSpecialTokens: false }));
}

/**
 * Both prompts of a pair, broken to `width` columns. What they begin with alike is dim; the token that is read is inverse,
 * or in double brackets where there are no colours.
 */
export function renderPair(
  pair: ContrastivePair,
  title: string,
  tokenizer: Tokenizer,
  width: number,
  colors: Colors,
): string {
  const shared = commonPrefix(pair);
  const side = (name: 'positive' | 'negative') => {
    const { tokens, position } = pair[name];
    const head = `${name}, ${counted(tokens.length, 'token')}, read at ${position}`;
    const color = name === 'positive' ? colors.green : colors.yellow;
    return `${color(head)}\n${promptLines(pair[name], shared, tokenizer, width, colors).join('\n')}`;
  };
  const gap = pair.positive.tokens.length - pair.negative.tokens.length;
  const longer =
    gap === 0
      ? 'both are equally long'
      : `the ${gap > 0 ? 'positive' : 'negative'} one is ${counted(Math.abs(gap), 'token')} longer`;
  const foot = `The prompts begin with the same ${counted(shared, 'token')}; ${longer}.`;
  return [colors.bold(title), side('positive'), side('negative'), colors.dim(foot)].join('\n\n');
}

function promptLines(
  { tokens, position }: PairSide,
  shared: number,
  tokenizer: Tokenizer,
  width: number,
  colors: Colors,
): string[] {
  const text = (from: number, to: number) =>
    tokenizer.decode(tokens.slice(from, to), { skipSpecialTokens: false });
  const marked = JSON.stringify(text(position, position + 1))
    .slice(1, -1)
    .replaceAll(' ', '␣');
  const lines = (part: string) => wrapText(part, width - INDENT.length);
  const same = Math.min(shared, position);
  const before = lines(text(0, same));
  // The parts share a line where they meet, so they are broken as one text.
  const all = lines(text(0, position) + OPEN + marked + CLOSE + text(position + 1, tokens.length));
  const dimmed = before.length - 1;
  return all.map((line, i) => {
    const plain = i < dimmed ? colors.dim(line) : line;
    const shown = colors.isColorSupported
      ? plain.replace(OPEN, '\u001b[7m').replace(CLOSE, '\u001b[27m')
      : plain.replace(OPEN, '[[').replace(CLOSE, ']]');
    return INDENT + shown;
  });
}
