/** The q4 graph that kvsteer runs: the plain binding runs the same one, and its size bounds the speed. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  GRAPH_FORMAT_VERSION,
  type GraphManifest,
  readGraphManifest,
} from '../../src/engine/onnx/graph/graph-manifest.ts';
import { loadEngine } from '../../src/index.ts';
import { cacheFolder } from '../../src/models/index.ts';

/** Loading the engine writes the graph where it is not there yet. */
export async function writtenGraph(model: string): Promise<{ folder: string; manifest: GraphManifest }> {
  const engine = await loadEngine(model);
  const { fingerprint } = engine.model;
  await engine[Symbol.asyncDispose]();
  const graphs = join(cacheFolder(), 'graphs');
  for (const name of await readdir(graphs)) {
    if (!name.endsWith(`-q4-v${GRAPH_FORMAT_VERSION}`)) continue;
    const folder = join(graphs, name);
    const manifest = await readGraphManifest(folder).catch(() => undefined);
    if (manifest?.model.fingerprint === fingerprint) return { folder, manifest };
  }
  throw new Error(`The q4 graph of ${model} is not in ${graphs}, though the engine has just been loaded.`);
}
