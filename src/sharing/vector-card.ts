import { parseHubName } from '../models/hub-name.ts';
import { inspectVector } from '../vectors/inspect-vector.ts';
import type { SteeringVector } from '../vectors/vector.ts';

/**
 * The card's first line of text, by which a later push knows its own card from one that someone wrote or edited.
 */
export function cardMark(file: string): string {
  return `<!-- Made by kvsteer for ${file}, and made anew by each push. Delete this line to keep your own text. -->`;
}

/**
 * The model card of a vector, `README.md` of its repository: what it is for, how it was made, what was measured, how to use
 * it, and what that does not show.
 *
 * @param file the vector's name in the repository. @param repo `owner/name`.
 */
export function vectorCard(vector: SteeringVector, file: string, repo: string): string {
  const name = `${repo}${file === 'vector.safetensors' ? '' : `:${file}`}`;
  const { model, keyMode } = vector;
  const rows = [...identity(vector), ...making(vector), ...measures(vector)];
  return `---
${frontMatter(vector)}
---

${cardMark(file)}

# ${file.replace(/\.safetensors$/, '')}: a steering vector for ${plain(model.name)}

One edit of the KV cache after the prompt is read, then generation as usual (KV cache steering, [arXiv 2507.08799](https://arxiv.org/abs/2507.08799)).
Made with kvsteer.

| | |
| --- | --- |
${rows.map(([label, value]) => `| ${label} | ${plain(value)} |`).join('\n')}

## Use

\`\`\`sh
kvsteer run --model ${shellSafe(model.name)} --vector ${name} "A pen costs 3 dollars. How much are 7 pens?"
\`\`\`

\`\`\`ts
import { loadEngine, pullVector, steer } from 'kvsteer';

await using engine = await loadEngine(${JSON.stringify(model.name)});
const { vector } = await pullVector(${JSON.stringify(name)});
const { text } = await steer(engine, 'A pen costs 3 dollars. How much are 7 pens?', { vector });
\`\`\`

It is plain safetensors: \`keys\` and \`values\` of [${model.layers} layers, ${model.kvHeads} KV heads, ${model.headDim}], float32. ${
    keyMode === 'unrotated'
      ? 'Keys are without RoPE: rotate them to the edited position before adding them to a cache of rotated keys.'
      : 'Keys are post-RoPE, as cached: add them as they are.'
  }
The edit is at the last token of the prompt, in layers 1 and up, with one offset token (\`"\\n"\`) appended to the prompt and fed after it.

## Limits

A vector fits the weights and the chat template that it was made with; kvsteer refuses others. Steering changes how a model answers, first of all its style and
length; whether answers get better is to be measured on your own task, against a plain prompt, a chain-of-thought prompt and a random vector of the same norm.
`;
}

type Row = readonly [label: string, value: string];

function frontMatter({ licence, model }: SteeringVector): string {
  const lines = [
    'library_name: kvsteer',
    'tags:',
    '  - kvsteer',
    '  - steering-vector',
    '  - kv-cache-steering',
  ];
  // An identifier of the hub's list is lower case; what else a licence says stays in the table.
  const id = licence?.trim().toLowerCase() ?? '';
  if (/^[a-z0-9][a-z0-9.-]{0,40}$/.test(id)) lines.unshift(`license: ${id}`);
  const hub = hubNameOf(model.name);
  if (hub !== null) lines.push('base_model:', `  - ${hub}`);
  return lines.join('\n');
}

/** `owner/name` where the model is named so: a local path's last part is not. */
function hubNameOf(name: string): string | null {
  try {
    return parseHubName(name)?.repo ?? null;
  } catch {
    return null;
  }
}

function identity({ model, licence }: SteeringVector): Row[] {
  return [
    ['model', model.name],
    ['weights', `SHA-256 ${model.fingerprint}`],
    ['shape', `${model.layers} layers, ${model.kvHeads} KV heads, head_dim ${model.headDim}`],
    ['chat template', model.chatTemplateHash === null ? 'none' : `SHA-256 ${model.chatTemplateHash}`],
    ['licence of the vector', licence ?? 'not stated'],
  ];
}

function making(vector: SteeringVector): Row[] {
  const { pairs, aggregation, extraction, recommended, recipe, keyMode, created, creator } = vector;
  const offset = extraction.offsetToken === null ? '' : `, offset token ${extraction.offsetToken} appended`;
  const advice = [
    recommended.values === null ? null : `values × ${recommended.values}`,
    recommended.keys === null ? null : `keys × ${recommended.keys}`,
    recommended.layers === null ? null : `layers ${recommended.layers.join(', ')}`,
  ].filter((part) => part !== null);
  return [
    ['recipe', recipe ?? 'not stated'],
    ['pairs', pairs === null ? 'unknown' : `${pairs.count}, SHA-256 ${pairs.hash}`],
    ['aggregation', aggregation],
    ['read at', `token ${extraction.position} from the end${offset}`],
    ['keys', keyMode === 'unrotated' ? 'un-rotated (RoPE taken off)' : 'post-RoPE (as published)'],
    ['recommended coefficients', advice.length === 0 ? 'none stated' : advice.join(', ')],
    ['made', [created, creator].filter((part) => part !== null).join(' by ') || 'not stated'],
  ];
}

function measures(vector: SteeringVector): Row[] {
  const { meanKeyNorm, meanValueNorm, statistics } = inspectVector(vector);
  const norms: Row = [
    'mean norm of a head, layers from 1',
    `values ${meanValueNorm.toPrecision(3)}, keys ${meanKeyNorm.toPrecision(3)}`,
  ];
  if (statistics === null) return [norms];
  const { splitHalf, artefact, positions } = statistics;
  const percent = ((1 - artefact.shareLeft.overall) * 100).toFixed(1);
  return [
    norms,
    [
      'split-half cosine',
      splitHalf === null
        ? 'a single pair'
        : `values ${splitHalf.values.overall.toFixed(3)}, keys ${splitHalf.keys.overall.toFixed(3)}`,
    ],
    [
      'mean positions',
      `${Math.round(positions.positive)} positive, ${Math.round(positions.negative)} negative`,
    ],
    [
      'position artefact',
      `${percent} % of the squared norm of post-RoPE keys is position alone (cosine ${artefact.cosine.overall.toFixed(3)})${
        vector.keyMode === 'unrotated' ? '; these keys are free of it' : ''
      }`,
    ],
  ];
}

/** Text of the vector's maker inside a table of Markdown: no new row, column, tag or markup. */
function plain(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\|<>`*[\]]/g, (character) => `\\${character}`);
}

/** A name that a shell takes as one word, or one in quotes. */
function shellSafe(name: string): string {
  return /^[\w./:@-]+$/.test(name) ? name : `'${name.replace(/'/g, `'\\''`)}'`;
}
