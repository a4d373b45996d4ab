/** One step of a pull. Events of one phase of one file never go backwards, except when a download restarts. */
export interface ModelProgress {
  /** Name of the file inside the model's folder, e.g. `onnx/model_q4.onnx`. */
  readonly file: string;
  /** Bytes that are there now, those of an earlier, resumed download included. */
  readonly receivedBytes: number;
  /** `null` while no one has declared it. */
  readonly totalBytes: number | null;
  readonly phase: 'download' | 'verify' | 'extract';
}

export type ModelProgressListener = (progress: ModelProgress) => void;

/** At most one event in this many milliseconds for a phase, and always its last one. */
const INTERVAL_MS = 100;

/** Counts bytes of one phase of one file and reports them, thinned out. */
export class ProgressMeter {
  readonly #report: (bytes: number, total: number | null) => void;
  #lastAt = 0;

  constructor(listener: ModelProgressListener | undefined, file: string, phase: ModelProgress['phase']) {
    this.#report = (receivedBytes, totalBytes) => listener?.({ file, receivedBytes, totalBytes, phase });
  }

  update(bytes: number, total: number | null): void {
    const now = Date.now();
    if (now - this.#lastAt < INTERVAL_MS) return;
    this.#lastAt = now;
    this.#report(bytes, total);
  }

  finish(bytes: number, total: number | null): void {
    this.#report(bytes, total);
  }
}
