/** One row of a question set, whatever file it came from. */
export interface Question {
  /** Unique in its set. */
  readonly id: string;
  readonly question: string;
  /** Without labels: the first is A, the second B, and so on. Null where the answer is free. */
  readonly choices: readonly string[] | null;
  /** A letter where there are choices; else the text: a number, `yes` or `no`, a word. Null where it is not known. */
  readonly answer: string | null;
  /** A worked solution, step by step, without the answer's closing sentence; null where there is none. */
  readonly rationale: readonly string[] | null;
  /** Where the row is from, e.g. a repository. */
  readonly source: string | null;
  readonly licence: string | null;
}
