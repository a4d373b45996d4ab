import { renderFields } from '../render/table.ts';
import { wrapText } from '../render/wrap.ts';
import { type Colors, colorsOf, printLine, widthOf } from '../terminal.ts';

/** Longer lines of prose are hard to read. */
const MAX_WIDTH = 100;
const INDENT = 2;

/** A text that grows as the demo goes on: headings, paragraphs and blocks in one measure. Silent with `--json`. */
export class Page {
  readonly colors: Colors;
  /** Columns for what stands below a heading. */
  readonly width: number;
  readonly #stream: NodeJS.WriteStream;
  readonly #isSilent: boolean;

  constructor(stream: NodeJS.WriteStream, isSilent: boolean) {
    this.#stream = stream;
    this.#isSilent = isSilent;
    this.colors = colorsOf(stream);
    this.width = Math.min(MAX_WIDTH, widthOf(stream)) - INDENT;
  }

  title(text: string): void {
    this.#print(`\n${wrapText(text, this.width).map(this.colors.bold).join('\n')}`);
  }

  heading(text: string): void {
    this.#print(`\n${wrapText(text, this.width).map(this.colors.bold).join('\n')}`);
  }

  /** @param style for each line, e.g. `colors.dim`. @param indent columns beyond a paragraph's. */
  paragraph(text: string, style: (line: string) => string = (line) => line, indent = 0): void {
    this.block(
      wrapText(text, this.width - indent)
        .map(style)
        .join('\n'),
      indent,
    );
  }

  fields(fields: readonly (readonly [name: string, value: string])[]): void {
    const name = Math.max(...fields.map(([text]) => text.length));
    const wrapped = fields.map(
      ([text, value]) => [text, wrapText(value, this.width - name - 2).join('\n')] as const,
    );
    this.block(renderFields(wrapped, this.colors));
  }

  /** Lines that are laid out already. */
  block(text: string, indent = 0): void {
    const margin = ' '.repeat(INDENT + indent);
    this.#print(text.replace(/^(?=.)/gm, margin));
  }

  blank(): void {
    this.#print('');
  }

  #print(text: string): void {
    if (!this.#isSilent) printLine(this.#stream, text);
  }
}
