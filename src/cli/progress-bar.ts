import cliProgress from 'cli-progress';
import { formatBytes, formatSeconds } from './render/quantities.ts';
import { truncate } from './render/wrap.ts';
import { colorsOf, printLine, widthOf } from './terminal.ts';

export interface ProgressState {
  /** What is being done, e.g. `download`. */
  readonly phase: string;
  readonly done: number;
  /** Null while no one knows. */
  readonly total: number | null;
  /** What it is done to. */
  readonly file?: string | undefined;
  /** Drawn behind the amounts, e.g. what it has cost. */
  readonly note?: string | undefined;
  /** Default `bytes`. */
  readonly unit?: 'bytes' | 'count';
}

/** Work that is over sooner shows no bar: it would only flash. */
const SHOW_AFTER_MS = 250;
const BAR_COLUMNS = 24;

/**
 * Progress on stderr: a bar for each phase on a terminal, else one line as a phase begins. `stop` clears the bar, and must run
 * before anything else is printed.
 */
export class ProgressBar implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  readonly #bar: cliProgress.SingleBar | null;
  #state: ProgressState | null = null;
  #startedAt = 0;
  #drawn = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#bar = stream.isTTY ? this.#makeBar(stream) : null;
  }

  /** Bound, so that it can be handed on as a listener. */
  readonly update = (state: ProgressState): void => {
    const isNew = this.#state === null || name(state) !== name(this.#state);
    this.#state = state;
    if (isNew) {
      this.stop();
      this.#state = state;
      this.#startedAt = Date.now();
      if (this.#bar === null) printLine(this.#stream, plainLine(state));
    }
    if (this.#bar === null) return;
    // Steps that are counted take long each, and may keep the event loop busy meanwhile.
    const isDue = state.unit === 'count' || Date.now() - this.#startedAt >= SHOW_AFTER_MS;
    if (!this.#drawn && isDue) {
      this.#drawn = true;
      this.#bar.start(state.total ?? 0, state.done);
    } else if (this.#drawn) {
      this.#bar.setTotal(state.total ?? 0);
      this.#bar.update(state.done);
    }
  };

  stop(): void {
    if (this.#drawn) this.#bar?.stop();
    this.#drawn = false;
    this.#state = null;
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #makeBar(stream: NodeJS.WriteStream): cliProgress.SingleBar {
    const colors = colorsOf(stream);
    const format = () => {
      const state = this.#state;
      if (state === null) return '';
      const note = state.note === undefined ? '' : `, ${state.note}`;
      const label = truncate(name(state), Math.max(12, widthOf(stream) - BAR_COLUMNS - 36 - note.length));
      const { done, total } = state;
      if (total === null || total <= 0) return `${label}  ${colors.dim(amount(state, done))}`;
      const share = Math.min(1, done / total);
      const filled = Math.round(share * BAR_COLUMNS);
      const bar = colors.cyan('━'.repeat(filled)) + colors.dim('━'.repeat(BAR_COLUMNS - filled));
      const percent = `${Math.floor(share * 100)}%`.padStart(4);
      const amounts = `${amount(state, done)} of ${amount(state, total)}`;
      return `${label}  ${bar} ${percent}  ${colors.dim(amounts + note + remaining(share, Date.now() - this.#startedAt))}`;
    };
    return new cliProgress.SingleBar({ stream, format, hideCursor: true, clearOnComplete: true, fps: 12 });
  }
}

function name({ phase, file }: ProgressState): string {
  return file === undefined ? phase : `${phase} ${file}`;
}

function amount({ unit = 'bytes' }: ProgressState, value: number): string {
  return unit === 'bytes' ? formatBytes(value) : `${value}`;
}

function plainLine(state: ProgressState): string {
  const total = state.total === null || state.total <= 0 ? '' : ` (${amount(state, state.total)})`;
  return `${name(state)}${total}`;
}

function remaining(share: number, elapsedMs: number): string {
  if (share < 0.02 || share >= 1 || elapsedMs < 1500) return '';
  const seconds = Math.ceil(((elapsedMs / share) * (1 - share)) / 1000);
  return `, ${formatSeconds(seconds)} left`;
}
