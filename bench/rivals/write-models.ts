/** Run after setup.sh: writes kvsteer's float32 graph and lets transformersjs-layout.py make the rivals' models of it. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openGgufCheckpoint } from '../../src/engine/onnx/graph/gguf-checkpoint.ts';
import { writeGraph } from '../../src/engine/onnx/graph/write-graph.ts';
import { ggufPath, rivalFolder } from './model-folders.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const gguf = await ggufPath();
const temporary = await mkdtemp(join(tmpdir(), 'kvsteer-bench-'));
try {
  await using checkpoint = await openGgufCheckpoint(gguf);
  await writeGraph(checkpoint, { precision: 'fp32' }, join(temporary, 'graph'));
  const made = spawnSync(
    here('.venv/bin/python'),
    [here('transformersjs-layout.py'), join(temporary, 'graph'), gguf, rivalFolder],
    { stdio: 'inherit' },
  );
  if (made.status !== 0)
    throw new Error(`transformersjs-layout.py ended with ${made.status ?? made.signal}.`);
  console.log(`Models are in ${rivalFolder}.`);
} finally {
  await rm(temporary, { recursive: true, force: true });
}
