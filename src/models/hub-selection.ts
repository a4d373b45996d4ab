import { UnsupportedModelError } from '../errors.ts';
import type { HubFile } from './hub.ts';
import { isSafeRelative } from './hub-name.ts';
import type { ModelKind } from './resolved-model.ts';

/** The files of a repository that make one model. */
export interface HubSelection {
  readonly kind: ModelKind;
  /** The GGUF inside the repository; `null` where the model is a folder. */
  readonly weights: string | null;
  readonly files: readonly HubFile[];
}

const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'chat_template.json',
];
const CONFIG_FILES = ['config.json', 'generation_config.json', ...TOKENIZER_FILES];

/** Of several GGUF files the first of these is taken: the usual trade of size against quality, then upwards. */
const GGUF_PREFERENCE = [
  'Q4_K_M',
  'Q4_K_S',
  'Q4_0',
  'Q4_1',
  'Q5_K_M',
  'Q5_K_S',
  'Q5_0',
  'Q5_1',
  'Q6_K',
  'Q8_0',
];
const GGUF_PLAIN = ['F16', 'FP16', 'BF16', 'F32', 'FP32'];
const ONNX_PREFERENCE = ['model_q4', 'model', 'model_fp16', 'model_quantized', 'model_int8', 'model_q4f16'];

/** Bytes of the largest configuration or tokenizer file accepted. */
const MAX_SMALL_FILE = 256 * 2 ** 20;
const MAX_SELECTED = 1_000;

/**
 * Chooses what to download. With `file`, that weights file; else a safetensors checkpoint (the original weights),
 * else the one GGUF or the preferred of several (Q4_K_M first), else an ONNX graph (`onnx/model_q4.onnx` first). Configuration
 * and tokenizer files come along.
 *
 * @throws UnsupportedModelError naming what the repository holds.
 */
export function selectHubFiles(repo: string, all: readonly HubFile[], file: string | null): HubSelection {
  const files = all.filter(({ path }) => isSafeRelative(path));
  const selection = file === null ? selectDefault(repo, files) : selectNamed(repo, files, file);
  if (selection.files.length > MAX_SELECTED) {
    throw new UnsupportedModelError(
      `${repo} has its weights in ${selection.files.length} files; at most ${MAX_SELECTED} are read.`,
    );
  }
  for (const { path, size } of selection.files) {
    if (CONFIG_FILES.includes(path) && size > MAX_SMALL_FILE) {
      throw new UnsupportedModelError(
        `${repo}: ${path} has ${size} bytes; at most ${MAX_SMALL_FILE} are read.`,
      );
    }
  }
  return selection;
}

function selectNamed(repo: string, files: readonly HubFile[], file: string): HubSelection {
  if (!files.some(({ path }) => path === file)) {
    throw new UnsupportedModelError(`${repo} has no file ${file}. ${inventory(files)}`);
  }
  if (/\.gguf$/i.test(file)) return gguf(repo, files, file);
  if (/\.onnx$/i.test(file)) return onnx(repo, files, file);
  if (/\.safetensors$/i.test(file)) return safetensors(repo, files, [file]);
  throw new UnsupportedModelError(
    `${file} is not a weights file: give a .gguf, .safetensors or .onnx file of ${repo}.`,
  );
}

function selectDefault(repo: string, files: readonly HubFile[]): HubSelection {
  const paths = files.map(({ path }) => path);
  const hasConfig = paths.includes('config.json');
  const checkpoint = checkpointFiles(paths);
  if (hasConfig && checkpoint.length > 0) return safetensors(repo, files, checkpoint);
  const ggufFile = preferredGguf(paths);
  if (ggufFile !== null) return gguf(repo, files, ggufFile);
  const graph = ONNX_PREFERENCE.map((name) => `onnx/${name}.onnx`).find((path) => paths.includes(path));
  if (hasConfig && graph !== undefined) return onnx(repo, files, graph);
  throw new UnsupportedModelError(
    `${repo} holds no model that can be read: expected config.json with *.safetensors, a .gguf file, or config.json with onnx/model*.onnx. ${inventory(files)}`,
  );
}

/** The weights at the top of the repository: one file, or the shards that its index lists. */
export function checkpointFiles(paths: readonly string[]): string[] {
  if (paths.includes('model.safetensors')) return ['model.safetensors'];
  return paths.filter((path) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(path));
}

function preferredGguf(paths: readonly string[]): string | null {
  const candidates = paths.filter(
    (path) => /\.gguf$/i.test(path) && !/(^|\/)(mmproj|imatrix)|imatrix\.gguf$/i.test(path),
  );
  if (candidates.length <= 1) return candidates[0] ?? null;
  // A shorter name first, so that `x.Q4_0.gguf` comes before `x.Q4_0_4_4.gguf`; then the alphabet: always the same one.
  const ordered = [...candidates].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  for (const type of [...GGUF_PREFERENCE, ...GGUF_PLAIN]) {
    const found = ordered.find((path) => new RegExp(`(^|[-._/])${type}\\.gguf$`, 'i').test(path));
    if (found !== undefined) return found;
  }
  return ordered[0] ?? null;
}

function gguf(repo: string, files: readonly HubFile[], weights: string): HubSelection {
  if (/-\d{5}-of-\d{5}\.gguf$/i.test(weights)) {
    throw new UnsupportedModelError(
      `${repo} has this GGUF in several parts (${weights}). Name a GGUF that is one file: ${repo}:FILE.gguf.`,
    );
  }
  return { kind: 'gguf', weights, files: pick(files, [weights, ...TOKENIZER_FILES]) };
}

function safetensors(repo: string, files: readonly HubFile[], weights: readonly string[]): HubSelection {
  if (!files.some(({ path }) => path === 'config.json')) {
    throw new UnsupportedModelError(`${repo} has no config.json beside ${weights[0]}. ${inventory(files)}`);
  }
  const index = weights.length > 1 ? ['model.safetensors.index.json'] : [];
  return { kind: 'safetensors', weights: null, files: pick(files, [...weights, ...index, ...CONFIG_FILES]) };
}

function onnx(repo: string, files: readonly HubFile[], graph: string): HubSelection {
  if (!graph.startsWith('onnx/') || !files.some(({ path }) => path === 'config.json')) {
    throw new UnsupportedModelError(
      `${repo}: an ONNX model needs config.json and its graph under onnx/; found ${graph}. ${inventory(files)}`,
    );
  }
  // External data lies beside the graph: model_q4.onnx_data, model_q4.onnx_data_1, model_q4.onnx.data.
  const data = files.filter(
    ({ path }) => path.startsWith(`${graph}_data`) || path.startsWith(`${graph}.data`),
  );
  return {
    kind: 'onnx',
    weights: null,
    files: pick(files, [graph, ...data.map(({ path }) => path), ...CONFIG_FILES]),
  };
}

function pick(files: readonly HubFile[], paths: readonly string[]): HubFile[] {
  return paths.flatMap((path) => files.find((file) => file.path === path) ?? []);
}

function inventory(files: readonly HubFile[]): string {
  const weights = files
    .map(({ path }) => path)
    .filter((path) => /\.(gguf|safetensors|onnx|bin|pt|pth)$/i.test(path));
  if (weights.length === 0) return 'It has no weights files.';
  const shown = weights.slice(0, 12).join(', ');
  return `It has: ${shown}${weights.length > 12 ? ` and ${weights.length - 12} more` : ''}.`;
}
