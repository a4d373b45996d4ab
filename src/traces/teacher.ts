import type { ChatMessage } from '../engine/engine.ts';

export interface TeacherRequest {
  readonly messages: readonly ChatMessage[];
  /** Most tokens of the answer. */
  readonly maxTokens: number;
  readonly temperature: number;
  /** A teacher that draws by seeds gives the same answer to the same request. */
  readonly seed: number;
}

/** Tokens, as the teacher counted them. */
export interface TokenUsage {
  readonly prompt: number;
  readonly completion: number;
}

export interface TeacherReply {
  readonly text: string;
  /** It ended at the token limit, so the text is not whole. */
  readonly isCut: boolean;
  /** The model's own name for itself, e.g. with its date. */
  readonly model: string;
  /** Null where the teacher does not say. */
  readonly usage: TokenUsage | null;
}

/** Who writes the traces. {@link openAiTeacher} asks a server; `engineTeacher` of `steer/` asks a local engine. */
export interface Teacher {
  /** e.g. `gpt-4o`. */
  readonly model: string;
  /** What must be the same for a run to go on, e.g. `gpt-4o at https://api.openai.com/v1`. Holds no secret. */
  readonly identity: string;
  /** One request, one answer: whoever asks decides whether to ask again. @throws TeacherError; the signal's reason. */
  ask(request: TeacherRequest, signal: AbortSignal): Promise<TeacherReply>;
}
