import { open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InvalidFileError, ModelNotFoundError } from '../errors.ts';
import { describeFailure } from './http.ts';
import { checkpointFiles } from './hub-selection.ts';
import type { ResolvedModel } from './resolved-model.ts';

/**
 * The model at a path: a .gguf file; a folder with model*.safetensors (or any *.safetensors) and config.json; a folder with
 * one .gguf; a folder in the Transformers.js layout (config.json and onnx/*.onnx). Looked for in that order.
 * Only names, and a GGUF's first four bytes, are read.
 *
 * @throws ModelNotFoundError naming what the folder holds; InvalidFileError where a .gguf file is not one.
 */
export async function localModel(path: string): Promise<ResolvedModel> {
  const found = await stat(path).catch((error) => {
    throw new ModelNotFoundError(path, `${path} cannot be read: ${describeFailure(error)}.`, {
      cause: error,
    });
  });
  return found.isDirectory() ? folderModel(path) : fileModel(path);
}

async function fileModel(path: string): Promise<ResolvedModel> {
  if (/\.gguf$/i.test(path)) return ggufModel(path, path);
  const advice = /\.(safetensors|onnx)$/i.test(path)
    ? 'Give the folder instead: it must hold config.json too'
    : 'Expected a .gguf file, or a folder with a model';
  throw new ModelNotFoundError(path, `${path} is a file, but not a .gguf. ${advice}.`);
}

async function folderModel(path: string): Promise<ResolvedModel> {
  const names = await readdir(path).catch((error) => {
    throw new ModelNotFoundError(path, `The folder ${path} cannot be read: ${describeFailure(error)}.`, {
      cause: error,
    });
  });
  names.sort();
  const hasConfig = names.includes('config.json');
  const tokenizerFolder = names.includes('tokenizer.json') ? path : null;
  if (hasConfig && checkpointFiles(names).length > 0)
    return { name: path, kind: 'safetensors', path, tokenizerFolder };
  const ggufs = names.filter((name) => /\.gguf$/i.test(name));
  if (ggufs.length === 1) return ggufModel(path, join(path, ggufs[0]!));
  if (ggufs.length > 1) {
    throw new ModelNotFoundError(
      path,
      `${path} holds ${ggufs.length} GGUF files; name one of them: ${shown(ggufs)}.`,
    );
  }
  if (hasConfig && names.some((name) => name.endsWith('.safetensors'))) {
    return { name: path, kind: 'safetensors', path, tokenizerFolder };
  }
  const graphs = names.includes('onnx') ? await readdir(join(path, 'onnx')).catch(() => []) : [];
  if (hasConfig && graphs.some((name) => name.endsWith('.onnx')))
    return { name: path, kind: 'onnx', path, tokenizerFolder };
  throw new ModelNotFoundError(
    path,
    `The folder ${path} holds no model: expected one .gguf, or config.json with *.safetensors, or config.json with onnx/*.onnx; found ${
      names.length === 0 ? 'nothing' : shown(names)
    }.`,
  );
}

async function ggufModel(name: string, path: string): Promise<ResolvedModel> {
  let magic: string;
  try {
    await using handle = await open(path, 'r');
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    magic = buffer.toString('latin1', 0, bytesRead);
  } catch (error) {
    throw new ModelNotFoundError(name, `${path} cannot be read: ${describeFailure(error)}.`, {
      cause: error,
    });
  }
  if (magic !== 'GGUF') {
    throw new InvalidFileError(
      path,
      `expected a GGUF file (it begins with "GGUF"), found ${JSON.stringify(magic)}.`,
    );
  }
  const beside = join(dirname(path), 'tokenizer.json');
  const hasTokenizer = await stat(beside).then(
    (found) => found.isFile(),
    () => false,
  );
  return { name, kind: 'gguf', path, tokenizerFolder: hasTokenizer ? dirname(path) : null };
}

function shown(names: readonly string[]): string {
  return names.slice(0, 12).join(', ') + (names.length > 12 ? ` and ${names.length - 12} more` : '');
}
