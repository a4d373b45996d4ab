/**
 * What a run of the evaluation holds, as it is written down. Types only. A run is a folder:
 *
 *   config.json     {@link RunConfig}: everything that the answers depend on; written first
 *   answers.jsonl   {@link AnswerRecord}, one a line, appended and flushed as each answer ends, in no order
 *   summary.json    {@link RunSummary}: made of the two; written last, so a run without it is not finished
 *
 * Answers are greedy or drawn by a seed of question, condition and draw, so a run that was killed and resumed holds the
 * same answers as one that was not; only `ms` and `solo` differ.
 */
import type { FinishReason } from '../engine/engine.ts';
import type { CentroidChoice } from '../steer/plan.ts';
import type { Interval } from './statistics/wilson.ts';

/** How an answer's correctness is decided; see `scorers.ts`. */
export type ScorerName = 'number' | 'choice' | 'yes-no' | 'math' | 'text';

/** The five styles of reasoning of arXiv 2507.08799; rules in `style.ts`. */
export type ReasoningStyle = 'stepwise' | 'strategy' | 'causal' | 'deduction' | 'analogy';

/** What a condition adds to the cache, as a record: the vectors themselves are named by their hashes. */
export interface RecordedEdit {
  /** SHA-256 of the vector's tensors, centroids included: `hashVector`. */
  readonly vector: string;
  /** `mean`, `random` and so on: the vector's aggregation. */
  readonly aggregation: string;
  /** How the vector was made, in words; null where it does not say. */
  readonly recipe: string | null;
  readonly values: number;
  readonly keys: number;
  readonly layers: readonly number[];
  readonly heads: readonly number[];
  /** From the end of the cache; 1 is the last cached position. */
  readonly position: number;
  /** Which centroid each prompt gets; only of a vector with centroids. */
  readonly centroids?: CentroidChoice;
}

/** Activation steering of a condition, as a record. */
export interface RecordedActivation {
  /** SHA-256 of the offset [C]. */
  readonly vector: string;
  readonly layer: number;
  /** Times the mean difference. */
  readonly strength: number;
  /** `every`: at the fed token and every generated one (CAA); `last`: at the last prompt token only. */
  readonly tokens: 'every' | 'last';
}

export interface Sampling {
  /** Above 0. */
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  /** Answers a question, >= 1. */
  readonly draws: number;
}

/** One way to ask, as a record. */
export interface ConditionConfig {
  readonly edits: readonly RecordedEdit[];
  readonly activation: RecordedActivation | null;
  /** Appended to each question, e.g. a CoT prompt; empty where there is none. */
  readonly suffix: string;
  /** Few-shot turns before the question. */
  readonly examples: readonly { readonly question: string; readonly answer: string }[];
  /** The offset token's text or id; null: none. */
  readonly offset: string | number | null;
  /** Null: greedy. */
  readonly sampling: Sampling | null;
}

export interface RunConfig {
  readonly version: 1;
  /** Versions that made it. */
  readonly kvsteer: string;
  readonly node: string;
  readonly engine: { readonly name: string; readonly precision: string };
  readonly model: {
    readonly name: string;
    readonly fingerprint: string;
    readonly chatTemplateHash: string | null;
  };
  readonly task: {
    /** e.g. `gsm8k:test` or a file's name. */
    readonly name: string;
    readonly scorer: ScorerName;
    /** Questions asked. */
    readonly questions: number;
    /** SHA-256 of ids, questions, choices and answers in their order. */
    readonly hash: string;
    /** Rows of the source that could not be read as a question, or have no answer to compare with. */
    readonly malformed: number;
  };
  readonly maxTokens: number;
  /** Of sampling and of the bootstrap. */
  readonly seed: number;
  /** By name, in the order of the table. */
  readonly conditions: Readonly<Record<string, ConditionConfig>>;
  /** Name of the condition that the others are compared with. */
  readonly baseline: string;
  /** How settings were chosen before the run, e.g. activation steering's layer; null where nothing was tuned. */
  readonly tuned: unknown;
}

/**
 * `overflow`: the prompt leaves no room for an answer in the context, nothing was generated, and it counts as wrong; `empty`:
 * nothing but blanks was generated, and it is wrong unless a choice that was forced after it is right.
 */
export type AnswerStatus = 'answered' | 'empty' | 'overflow';

/** One answer to one question under one condition. */
export interface AnswerRecord {
  /** `Question.id`. */
  readonly question: string;
  readonly condition: string;
  /** 0 where greedy; 0 to draws - 1 where sampled. */
  readonly draw: number;
  readonly status: AnswerStatus;
  readonly text: string;
  /** What the scorer took from the text: a number, a letter, ...; null where it found nothing. */
  readonly answer: string | null;
  /** `pattern`: found in the text; `forced`: the second stage chose among the letters; null: none. */
  readonly by: 'pattern' | 'forced' | null;
  readonly right: boolean;
  /** Generated, the end token not counted. */
  readonly tokens: number;
  /** Of the prompt, template included, offset token not. */
  readonly promptTokens: number;
  /** `length`: unfinished; null with status `overflow`. */
  readonly finish: FinishReason | null;
  /** Loops; the rule is in `degenerate.ts`. */
  readonly degenerate: boolean;
  /** "Step N" or numbered lines; the rule is in `steps.ts`. */
  readonly steps: number;
  readonly style: ReasoningStyle | null;
  /** This answer's share of the time, decoding only: while n answers are decoded, each is charged 1/n of it. */
  readonly ms: number;
}

/** A share of the answers with how many they are. */
export interface Counted {
  readonly count: number;
  /** [0, 1] */
  readonly share: number;
}

export interface ConditionSummary {
  /** Questions. */
  readonly n: number;
  /** Answers: n times the draws. */
  readonly answers: number;
  readonly right: number;
  /** right / answers. */
  readonly accuracy: number;
  /** 95 %: Wilson; a bootstrap over questions where a question has several draws. */
  readonly interval: Interval;
  /** Mean of an answer. */
  readonly tokens: number;
  /** All tokens of the condition over its right answers; null where none is right. */
  readonly tokensPerRight: number | null;
  readonly degenerate: Counted;
  /** Cut at the token limit. */
  readonly unfinished: Counted;
  readonly empty: Counted;
  readonly overflow: Counted;
  /** No answer could be taken from the text. */
  readonly unanswered: Counted;
  /** Choices that the second stage had to force. */
  readonly forced: Counted;
  /** Answers with at least one numbered step. */
  readonly stepped: Counted;
  /** Mean numbered steps of an answer. */
  readonly steps: number;
  readonly styles: Readonly<Record<ReasoningStyle, Counted>>;
  /** Mean share of the decoding time, all conditions decoded together. */
  readonly ms: number;
  /** ms over tokens; null where no token was generated. */
  readonly msPerToken: number | null;
  /** Alone in the engine, prefill included, over a few questions; null where not measured. */
  readonly solo: SoloTime | null;
  readonly sideEffects: SideEffects | null;
}

export interface SoloTime {
  /** Questions timed. */
  readonly n: number;
  readonly msPerExample: number;
  /** Decoding only. */
  readonly msPerToken: number;
}

/** Teacher-forced on unrelated text that follows an unrelated prompt, after the edit. */
export interface SideEffects {
  /** exp of the mean negative log-probability a token. */
  readonly perplexity: number;
  /** Mean over tokens of KL(plain || this), nats. */
  readonly kl: number;
}

/** A condition against the baseline, on the same questions. */
export interface Comparison {
  readonly condition: string;
  readonly baseline: string;
  /** Questions. */
  readonly n: number;
  /** Accuracy of the condition minus that of the baseline, [-1, 1]. */
  readonly difference: number;
  /** 95 %, bootstrap over questions. */
  readonly interval: Interval;
  /** Questions that only the condition has right, and only the baseline (of several draws: more often right). */
  readonly gained: number;
  readonly lost: number;
  /** Two-sided. */
  readonly p: number;
  /** Exact McNemar; a seeded sign-flip test where a question has several draws. */
  readonly test: 'mcnemar' | 'sign-flip';
  /** p after Holm's correction over all comparisons of the run. */
  readonly holm: number;
}

export interface RunSummary {
  readonly version: 1;
  /** In the order of the configuration. */
  readonly conditions: Readonly<Record<string, ConditionSummary>>;
  readonly comparisons: readonly Comparison[];
}
