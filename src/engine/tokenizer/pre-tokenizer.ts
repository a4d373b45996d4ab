/** Pre-tokenizers of tokenizer.json, written so that @huggingface/tokenizers splits exactly as the Rust library does. */
import { UnsupportedModelError } from '../../errors.ts';

export type PreTokenizerJson = Readonly<Record<string, unknown>>;

/** GPT-2's pattern, built into ByteLevel. */
const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const SUPPORTED_BEHAVIORS = ['isolated', 'removed'];

/** Bytes as the byte-level alphabet, without splitting. */
const byteLevel: PreTokenizerJson = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };

/** Splits so that each match, and each stretch between matches, is a piece. */
export function isolate(regex: string): PreTokenizerJson {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false };
}

export function sequence(...pretokenizers: readonly PreTokenizerJson[]): PreTokenizerJson {
  return { type: 'Sequence', pretokenizers };
}

/** The given splits, then bytes. */
export function bytesAfter(...splits: readonly PreTokenizerJson[]): PreTokenizerJson {
  return sequence(...splits, byteLevel);
}

export const gpt2Split = isolate(GPT2_PATTERN);
/** Each digit of any script by itself. */
export const digitSplit = isolate('\\p{N}');

/**
 * Two parts of @huggingface/tokenizers 0.2.0 differ from Rust's: `Digits` knows ASCII digits only (Rust: every \p{N}), and
 * ByteLevel's built-in pattern uses JavaScript's \s (which has U+FEFF and lacks U+0085). Its `Split` translates both
 * rightly, so they are written as `Split`s.
 *
 * @throws UnsupportedModelError for a `Split` behaviour that the library would treat as another one.
 */
export function followRust(part: unknown): unknown {
  if (typeof part !== 'object' || part === null) return part;
  const json = part as Record<string, unknown>;
  switch (json.type) {
    case 'Sequence': {
      const parts = json.pretokenizers;
      return Array.isArray(parts) ? { ...json, pretokenizers: parts.map(followRust) } : json;
    }
    case 'Digits':
      return json.individual_digits ? digitSplit : isolate('\\p{N}+');
    case 'ByteLevel':
      // A prefixed blank must come before the split: left to the library.
      return json.use_regex === false || json.add_prefix_space === true ? json : bytesAfter(gpt2Split);
    case 'Split': {
      const behavior = String(json.behavior);
      if (!SUPPORTED_BEHAVIORS.includes(behavior.toLowerCase())) {
        throw new UnsupportedModelError(
          `The model's tokenizer splits with behaviour ${behavior}; supported are Isolated and Removed.`,
        );
      }
      return json;
    }
    default:
      return json;
  }
}
