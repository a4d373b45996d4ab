/**
 * Sums of vectors as text: `0.7*stepwise + 0.3*causal`.
 *
 *   sum     := product (('+' | '-') product)*
 *   product := factor (('*' | '/') factor)*
 *   factor  := '-' factor | '+' factor | number | name | '(' sum ')' | 'projectout' '(' sum ',' sum ')'
 *   name    := letters, digits, and _ . / \ ~ : - inside, not beginning with a digit; or anything in quotes
 *
 * A minus directly after a name's letter belongs to the name (`my-vector`); between spaces it subtracts.
 */
import { InvalidArgumentError } from '../../errors.ts';

export type Expression =
  | { readonly kind: 'number'; readonly value: number; readonly at: number }
  | { readonly kind: 'name'; readonly name: string; readonly at: number }
  | { readonly kind: 'negate'; readonly of: Expression; readonly at: number }
  | {
      readonly kind: '+' | '-' | '*' | '/' | 'projectout';
      readonly left: Expression;
      readonly right: Expression;
      /** Where the operator stands. */
      readonly at: number;
    };

interface Token {
  readonly kind: 'number' | 'name' | 'sign' | 'end';
  readonly text: string;
  readonly at: number;
  readonly quoted?: boolean;
}

const MOST_CHARACTERS = 4096;
const MOST_DEPTH = 64;
const PROJECT_OUT = 'projectout';

/** @throws InvalidArgumentError showing the place with a caret. */
export function parseExpression(text: string): Expression {
  if (text.length > MOST_CHARACTERS) {
    throw new InvalidArgumentError(
      'expression',
      `The expression has ${text.length} characters; at most ${MOST_CHARACTERS} are read.`,
    );
  }
  const parser = new Parser(text);
  return parser.whole();
}

/** An error at a place of the expression. */
export function errorAt(text: string, at: number, message: string): InvalidArgumentError {
  // Long expressions are cut around the place; tabs and line feeds would move the caret.
  const from = Math.max(0, at - 50);
  const shown = text.slice(from, from + 90).replace(/\s/g, ' ');
  return new InvalidArgumentError('expression', `${message}\n  ${shown}\n  ${' '.repeat(at - from)}^`);
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
  }

  whole(): Expression {
    const expression = this.#sum();
    const left = this.#peek();
    if (left.kind === 'end') return expression;
    throw this.#unexpected(
      left,
      left.text === ')' ? 'This ) closes nothing.' : 'Expected +, -, * or / here.',
    );
  }

  #sum(): Expression {
    let left = this.#product();
    for (let sign = this.#take('+', '-'); sign !== null; sign = this.#take('+', '-')) {
      left = { kind: sign.text as '+' | '-', left, right: this.#product(), at: sign.at };
    }
    return left;
  }

  #product(): Expression {
    let left = this.#factor();
    for (let sign = this.#take('*', '/'); sign !== null; sign = this.#take('*', '/')) {
      left = { kind: sign.text as '*' | '/', left, right: this.#factor(), at: sign.at };
    }
    return left;
  }

  #factor(): Expression {
    const token = this.#peek();
    if (++this.#depth > MOST_DEPTH) {
      throw this.#unexpected(token, `The expression is nested more than ${MOST_DEPTH} deep here.`);
    }
    try {
      const minus = this.#take('-');
      if (minus !== null) return { kind: 'negate', of: this.#factor(), at: minus.at };
      if (this.#take('+') !== null) return this.#factor();
      if (this.#take('(') !== null) {
        const inside = this.#sum();
        this.#expect(')', token);
        return inside;
      }
      this.#next++;
      if (token.kind === 'number') return { kind: 'number', value: Number(token.text), at: token.at };
      if (token.kind === 'name') return this.#name(token);
      throw this.#unexpected(token, 'Expected a vector, a number or ( here.');
    } finally {
      this.#depth--;
    }
  }

  #name(token: Token): Expression {
    const isFunction = !token.quoted && this.#peek().text === '(' && this.#peek().kind === 'sign';
    if (!isFunction) return { kind: 'name', name: token.text, at: token.at };
    if (token.text.toLowerCase() !== PROJECT_OUT) {
      throw this.#unexpected(token, `There is no function ${token.text}; there is ${PROJECT_OUT}(a, b).`);
    }
    const open = this.#take('(')!;
    const left = this.#sum();
    this.#expect(',', open);
    const right = this.#sum();
    this.#expect(')', open);
    return { kind: PROJECT_OUT, left, right, at: token.at };
  }

  #peek(): Token {
    return this.#tokens[this.#next]!;
  }

  #take(...signs: readonly string[]): Token | null {
    const token = this.#peek();
    if (token.kind !== 'sign' || !signs.includes(token.text)) return null;
    this.#next++;
    return token;
  }

  #expect(sign: string, open: Token): void {
    if (this.#take(sign) !== null) return;
    const token = this.#peek();
    if (token.kind === 'end')
      throw this.#unexpected(
        open,
        `This ( needs a ${sign === ',' ? 'second vector, after a comma,' : 'closing )'}.`,
      );
    throw this.#unexpected(token, `Expected ${sign} here.`);
  }

  #unexpected(token: Token, message: string): InvalidArgumentError {
    return errorAt(this.#text, token.at, message);
  }
}

const patterns: readonly (readonly [kind: Token['kind'] | 'space' | 'quoted', pattern: RegExp])[] = [
  ['space', /\s+/y],
  ['quoted', /"([^"]*)"|'([^']*)'/y],
  // Not followed by a letter: 3d-vector is a name that needs quotes, not 3 times something.
  ['number', /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\p{L}\d_.])/uy],
  // A path may begin with . / ~ or \; a minus counts as part of a name only between letters and digits.
  [
    'name',
    /(?:\.{0,2}[/\\]|~[/\\]?)?[\p{L}_](?:[\p{L}\p{N}_./\\~:]|(?<=[\p{L}\p{N}_])-(?=[\p{L}\p{N}_]))*/uy,
  ],
  ['sign', /[-+*/(),]/y],
];

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const found = patterns
      .map(([kind, pattern]) => {
        pattern.lastIndex = at;
        return { kind, match: pattern.exec(text) };
      })
      .find(({ match }) => match !== null);
    if (!found?.match) throw errorAt(text, at, whatIsWrong(text[at]!));
    const { kind, match } = found;
    if (kind === 'quoted') {
      const name = match[1] ?? match[2] ?? '';
      if (name.trim() === '') throw errorAt(text, at, 'There is no name between these quotes.');
      tokens.push({ kind: 'name', text: name, at, quoted: true });
    } else if (kind !== 'space') tokens.push({ kind, text: match[0], at });
    at += match[0].length;
  }
  tokens.push({ kind: 'end', text: '', at: text.length });
  return tokens;
}

function whatIsWrong(character: string): string {
  if (/["']/.test(character)) return 'This quote is never closed.';
  if (/[\d.~\\]/.test(character))
    return 'Expected a number here. Put a path or a name that begins so in quotes.';
  return `The character ${JSON.stringify(character)} means nothing here. Put names that hold it in quotes.`;
}
