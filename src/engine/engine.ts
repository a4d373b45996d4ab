/**
 * The contract between the method and whatever runs the model. Types only.
 * L layers, H KV heads, D head size, V vocabulary, T positions, C hidden size.
 *
 * Keys cross this border *un-rotated* (RoPE taken off at their own position) and in half-split layout, whatever the
 * engine keeps inside. One suite, `conformance.ts`, holds every engine to the behaviour described here.
 */
import type { RopeConfig } from '../tensor/rope.ts';

export interface ModelInfo {
  /** Name it was loaded by, e.g. `smollm2-135m-instruct` or a path. */
  readonly name: string;
  readonly architecture: string;
  /** L */
  readonly layers: number;
  /** Query heads. */
  readonly heads: number;
  /** H: KV heads (GQA). */
  readonly kvHeads: number;
  /** D: head_dim. */
  readonly headDim: number;
  /** C: width of the residual stream. */
  readonly hidden: number;
  /** V */
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly rope: RopeConfig;
  /** SHA-256 over the weights as stored in the source checkpoint; the same for every precision made from it. */
  readonly fingerprint: string;
}

export interface Capabilities {
  /** e.g. `onnx`. */
  readonly engine: string;
  /** Of the weights, and of keys and values where they are not float32: `q4`, `q4-kv16`. */
  readonly precision: string;
  /** `prefill({ hidden: true })` and `residual` work. */
  readonly residualTaps: boolean;
  /** Concurrent `generate` calls share one batch. */
  readonly batching: boolean;
}

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

export interface Tokenizer {
  readonly vocabSize: number;
  /** Ids that end a generation. */
  readonly eosTokenIds: readonly number[];
  /** SHA-256 of the chat template's text, or null where the model has none. */
  readonly chatTemplateHash: string | null;
  /** Text to ids. Special tokens written in the text become their ids; nothing is added (no BOS). */
  encode(text: string): number[];
  /** Ids to text. `skipSpecialTokens` defaults to true. */
  decode(tokens: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  /** Messages to the model's prompt text; `addGenerationPrompt` defaults to true. */
  applyChatTemplate(messages: readonly ChatMessage[], options?: { addGenerationPrompt?: boolean }): string;
}

export interface Slot {
  readonly layer: number;
  readonly kind: 'key' | 'value';
  readonly position: number;
}

/** The keys and values of one sequence. Owns memory in the engine until disposed. */
export interface KvCache extends AsyncDisposable {
  /** Positions held. */
  readonly length: number;
  /** [H, D], a copy; keys un-rotated, half-split. */
  read(slot: Slot): Promise<Float32Array>;
  /** Adds `delta` [H, D] in place; keys un-rotated, half-split (the engine rotates to the slot's position). */
  add(slot: Slot, delta: Float32Array): Promise<void>;
  /** An independent copy. */
  fork(): Promise<KvCache>;
}

/** Added to the residual stream after `layer`, at every position of the run: the activation-steering baseline. */
export interface ResidualOffset {
  readonly layer: number;
  /** [C] */
  readonly offset: Float32Array;
}

export interface PrefillOptions {
  readonly signal?: AbortSignal;
  /** Continue after these positions; the prefix itself is left as it is. */
  readonly prefix?: KvCache;
  /** Only after the first so many positions of `prefix`, from 1; default all of them. */
  readonly prefixLength?: number;
  /** Positions of `tokens` whose logits (and hidden states) are wanted, ascending. Default: the last one. */
  readonly at?: readonly number[];
  /** Also return the residual stream after each layer at `at`. Needs `capabilities.residualTaps`. */
  readonly hidden?: boolean;
  readonly residual?: readonly ResidualOffset[];
}

export interface Prefill {
  readonly cache: KvCache;
  /** [at.length, V] */
  readonly logits: Float32Array;
  /** [L, at.length, C], only with `hidden: true`. */
  readonly hidden?: Float32Array;
}

export interface GenerateOptions {
  /** Fed first, at position `cache.length`; their last logits give the first generated token. At least one. */
  readonly feed: readonly number[];
  /** Default 256. The end of the context ends the answer as well, with reason `length`. */
  readonly maxTokens?: number;
  /** 0 (default) is greedy. Range [0, 10]. */
  readonly temperature?: number;
  /** Keep the k likeliest tokens; 0 (default) keeps all. */
  readonly topK?: number;
  /** Nucleus mass, (0, 1]; default 1. */
  readonly topP?: number;
  /** Drop tokens less likely than this share of the likeliest, [0, 1]; default 0. */
  readonly minP?: number;
  /** Over prompt (`history`) and generated tokens; 1 (default) is off. Range (0, 10]. */
  readonly repetitionPenalty?: number;
  /** Tokens before `feed` that the repetition penalty sees. */
  readonly history?: readonly number[];
  /** Integer; the same seed gives the same tokens whatever runs beside it. Default: random. */
  readonly seed?: number;
  /** Generation ends before the first of these texts; it is not part of the output. */
  readonly stop?: readonly string[];
  /** Default: the tokenizer's. */
  readonly eosTokenIds?: readonly number[];
  readonly residual?: readonly ResidualOffset[];
  /** Give each token's log-probability (of the unmodified distribution). Default false. */
  readonly logprobs?: boolean;
  readonly signal?: AbortSignal;
}

export type FinishReason = 'eos' | 'stop' | 'length';

export type GenerateEvent =
  /** `text` is the newly decodable text; it can be empty while a character or a stop text is incomplete. */
  | { readonly type: 'token'; readonly token: number; readonly text: string; readonly logprob?: number }
  /** Last event. `text`: what was still held back. The EOS token comes as a token event before it, with empty text. */
  | { readonly type: 'finish'; readonly reason: FinishReason; readonly text: string };

export interface Engine extends AsyncDisposable {
  readonly model: ModelInfo;
  readonly capabilities: Capabilities;
  readonly tokenizer: Tokenizer;
  /** @throws ContextOverflowError, InvalidArgumentError (no tokens, token out of the vocabulary), DisposedError; the signal's reason. */
  prefill(tokens: readonly number[], options?: PrefillOptions): Promise<Prefill>;
  /**
   * Decodes from `cache`, which grows by what is fed and generated. Calls run concurrently where `capabilities.batching`.
   * Leaving the loop early stops the work. @throws as `prefill`.
   */
  generate(cache: KvCache, options: GenerateOptions): AsyncIterable<GenerateEvent>;
}
