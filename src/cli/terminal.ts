import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

/** What a command may touch of the process: tests hand in their own streams. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Columns assumed where the output is not a terminal. */
const PLAIN_WIDTH = 100;
const MIN_WIDTH = 40;

/** Columns that rendered output may take. */
export function widthOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY && stream.columns > 0 ? Math.max(MIN_WIDTH, stream.columns) : PLAIN_WIDTH;
}

/**
 * Colours for one stream: stdout can be a file while stderr is a terminal. `NO_COLOR` and `FORCE_COLOR` decide first, then
 * whether the stream is a terminal.
 */
export function colorsOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv = process.env): Colors {
  return pc.createColors(hasColors(stream, env));
}

function hasColors(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  return Boolean(stream.isTTY) && env.TERM !== 'dumb';
}

/** Writes one line, or several. */
export function printLine(stream: NodeJS.WriteStream, text = ''): void {
  stream.write(`${text}\n`);
}

/** The only thing that a `--json` run writes to stdout. */
export function printJson(stream: NodeJS.WriteStream, value: unknown): void {
  stream.write(`${JSON.stringify(value, null, stream.isTTY ? 2 : undefined)}\n`);
}
