import type { AnswerPrompt } from '../answer/prepare-answer.ts';
import type { SteeringEntry } from '../steering/steering-field.ts';
import type { Generation } from './shared-fields.ts';

/** What a request asks for, whichever of the two routes it came by. */
export interface Job {
  /** The name as the request says it: it is given back in the answer. */
  readonly model: string;
  /** One for a chat. */
  readonly prompts: readonly AnswerPrompt[];
  readonly steering: readonly SteeringEntry[];
  /** The field that said the steering, for errors. */
  readonly steeringParam: 'steering' | 'model';
  /** Answers for each prompt. */
  readonly n: number;
  readonly generation: Generation;
  /** Null: a random one for each answer. */
  readonly seed: number | null;
  readonly stream: boolean;
  readonly includeUsage: boolean;
}
