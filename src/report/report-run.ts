import type { AnswerRecord, RunConfig, RunSummary } from '../evaluate/run.ts';
import type { SteeringVector } from '../vectors/vector.ts';

/** A finished run as the report reads it. */
export interface ReportRun {
  /** What it is called in the report, e.g. its folder. */
  readonly name: string;
  readonly config: RunConfig;
  readonly summary: RunSummary;
  readonly answers: readonly AnswerRecord[];
  /** Whether all questions were answered; if not, the summary is of the answers so far. */
  readonly isFinished: boolean;
  /** The questions' texts by id, where the run holds them. */
  readonly questions: ReadonlyMap<string, string>;
  /** For the heat maps, where the run holds them. */
  readonly vectors: readonly { readonly name: string; readonly vector: SteeringVector }[];
}
