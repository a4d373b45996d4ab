/** Text that is HTML already. Everything else is escaped as it is put in: what models and files say is never trusted. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | string | number | null | false | readonly Part[];

/** `html\`<b>${text}</b>\``: every value is escaped unless it is {@link Html}; lists are joined, null and false are nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.map((text, i) => text + (i < parts.length ? show(parts[i]!) : '')).join(''));
}

function show(part: Part): string {
  if (part instanceof Html) return part.text;
  if (part === null || part === false) return '';
  return Array.isArray(part) ? part.map(show).join('') : escapeHtml(String(part));
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return readable(text).replace(/[&<>"']/g, (character) => escapes[character]!);
}

/** Control characters and bidirectional overrides, which can make a text look like another, as their code points. */
function readable(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (character) => `\\u{${character.charCodeAt(0).toString(16)}}`,
  );
}
