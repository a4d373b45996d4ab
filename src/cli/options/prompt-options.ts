import type { Command } from 'commander';
import { InvalidArgumentError } from '../../errors.ts';
import type { Terminal } from '../terminal.ts';

export interface PromptFlags {
  readonly system?: string;
  readonly raw?: boolean;
}

/** More text than any model's context: refused before it fills the memory. */
const MAX_PROMPT_BYTES = 64 * 2 ** 20;

export function addPromptOptions(command: Command): Command {
  return command
    .optionsGroup('Prompt:')
    .option('-s, --system <text>', "system message (default: the chat template's own)")
    .option('--raw', 'the prompt is templated already: read special tokens in it, add nothing');
}

/**
 * The prompt: the argument; or, where there is none or it is `-`, what stdin holds, less one line feed at its end (kept
 * with `--raw`, where each token counts).
 *
 * @throws InvalidArgumentError for an empty prompt, none at all, `--raw` with `--system`, or input that is too long.
 */
export async function readPrompt(
  argument: string | undefined,
  flags: PromptFlags,
  terminal: Terminal,
): Promise<string> {
  if (flags.raw && flags.system !== undefined) {
    throw new InvalidArgumentError(
      'system',
      '--system does not go with --raw: write the system message into the prompt.',
    );
  }
  if (argument === undefined && terminal.stdin.isTTY) {
    throw new InvalidArgumentError(
      'prompt',
      'There is no prompt. Give one in quotes, e.g. "What is 12 * 7?", or pipe it in.',
    );
  }
  const fromStdin = argument === undefined || argument === '-';
  const read = fromStdin ? await readAll(terminal) : argument;
  const prompt = fromStdin && !flags.raw ? read.replace(/\r?\n$/, '') : read;
  if (prompt.trim() === '') {
    throw new InvalidArgumentError(
      'prompt',
      fromStdin
        ? 'The prompt is empty: nothing came in on stdin. Give it as an argument in quotes, or pipe it in.'
        : 'The prompt is empty. Give a text with at least one character that is not blank.',
    );
  }
  return prompt;
}

async function readAll({ stdin, signal }: Terminal): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const stop = () => stdin.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of stdin) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_PROMPT_BYTES) {
        throw new InvalidArgumentError(
          'prompt',
          `The prompt on stdin is larger than ${MAX_PROMPT_BYTES / 2 ** 20} MiB.`,
        );
      }
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  signal.throwIfAborted();
  return Buffer.concat(chunks).toString('utf8');
}
