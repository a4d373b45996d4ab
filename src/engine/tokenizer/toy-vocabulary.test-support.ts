/** A byte-level BPE vocabulary of 272 tokens as GGUF metadata, for tests that need no model. */

export const toyTemplate =
  "{% for message in messages %}{{ '<|start|>' + message['role'] + '\\n' + message['content'] + '<|end|>\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|start|>assistant\\n' }}{% endif %}";

const special = ['<|start|>', '<|end|>', '<|eot|>'];
const userDefined = '<think>';
const pairs = ['Ġ t', 'h e', 'Ġt he', 'i n', 'Ġ a', 'a n', 'Ã ©', '1 2', '12 3', "' s", 'Ġ Ġ', 'ð Ł'];

/** The byte of each printable letter of the byte-level alphabet, in token order. */
function byteLetters(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let moved = 0;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(printable(byte) ? byte : 256 + moved++),
  );
}

/** Fresh at each call; tests change what they need. */
export function toyGgufMetadata(): Record<string, unknown> {
  const tokens = [...special, userDefined, ...byteLetters(), ...pairs.map((pair) => pair.replace(' ', ''))];
  return {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'smollm',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': tokens.map((token) =>
      special.includes(token) ? 3 : token === userDefined ? 4 : 1,
    ),
    'tokenizer.ggml.merges': [...pairs],
    'tokenizer.ggml.bos_token_id': 0,
    'tokenizer.ggml.eos_token_id': 1,
    'tokenizer.ggml.eot_token_id': 2,
    'tokenizer.chat_template': toyTemplate,
  };
}
