/** Who runs: kvsteer on both of its runtimes, and its rivals. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exists, pytorchFolder, transformersJsFolder } from './model-folders.ts';

export interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Files that `npm run bench:setup` makes. */
  readonly needs: readonly string[];
}

const node = (script: URL) => [process.execPath, '--import', 'tsx', fileURLToPath(script)];
const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const kvsteer = node(new URL('./kvsteer.ts', import.meta.url));
const python = beside('.venv/bin/python');

export const contenders: readonly Contender[] = [
  { name: 'kvsteer', command: kvsteer, env: { KVSTEER_ORT: 'native' }, needs: [] },
  { name: 'kvsteer-plain', command: kvsteer, env: { KVSTEER_ORT: 'plain' }, needs: [] },
  {
    name: 'onnxruntime-node',
    command: node(new URL('./onnxruntime-node.ts', import.meta.url)),
    env: {},
    needs: [],
  },
  {
    name: 'transformers.js',
    command: node(new URL('./transformersjs.ts', import.meta.url)),
    env: {},
    needs: [join(transformersJsFolder, 'onnx', 'model_q4.onnx')],
  },
  {
    name: 'node-llama-cpp',
    command: node(new URL('./node-llama-cpp.ts', import.meta.url)),
    env: {},
    needs: [beside('node_modules/node-llama-cpp/package.json')],
  },
  {
    name: 'pytorch',
    command: [python, beside('pytorch.py'), pytorchFolder],
    env: {},
    needs: [python, join(pytorchFolder, 'model.safetensors')],
  },
];

export async function isSetUp({ needs }: Contender): Promise<boolean> {
  return (await Promise.all(needs.map(exists))).every(Boolean);
}
