/** What `life-cycle.test.ts` does in a process of its own, since it ends the process: `life-cycle-child.ts SCENARIO RUNTIME FOLDER`. */
import { join } from 'node:path';
import { parentPort, Worker } from 'node:worker_threads';
import koffi from 'koffi';
import { graphFile, readGraphManifest } from '../graph/graph-manifest.ts';
import type { OnnxEngine } from '../onnx-engine.ts';
import { openGraphSession } from '../open-graph-session.ts';
import { onnxRuntimeLibrary } from './library-path.ts';
import { openMiniature, type runtimes } from './miniature-engine.ts';

const [scenario, runtime, folder] = process.argv.slice(2) as [string, keyof typeof runtimes, string];
const { model } = await readGraphManifest(folder);
const open = () => openMiniature({ folder, model }, runtime);
const prompt = Array.from({ length: 700 }, (_, i) => (i * 31) % 320);

/** Prompts and answers without end, side by side. */
async function keepBusy(engine: OnnxEngine): Promise<never> {
  while (true) {
    const { cache } = await engine.prefill(prompt);
    for await (const _ of engine.generate(cache, { feed: [1], maxTokens: 60 }));
    await cache[Symbol.asyncDispose]();
  }
}

async function answer(engine: OnnxEngine): Promise<string> {
  const { cache } = await engine.prefill(prompt);
  let text = '';
  for await (const event of engine.generate(cache, { feed: [1], maxTokens: 40 })) text += event.text;
  await cache[Symbol.asyncDispose]();
  return text;
}

const say = (line: string) => process.stdout.write(`${line}\n`);
/** On Node 20 a worker does not inherit the loader of TypeScript. */
const worker = (name: string) =>
  new Worker(
    `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(import.meta.url)}); });`,
    { eval: true, argv: [name, runtime, folder] },
  );
const ended = (one: Worker) => new Promise<number>((resolve) => one.once('exit', resolve));

const scenarios: Record<string, () => Promise<unknown>> = {
  /** Ends in the middle of a step. */
  async exit() {
    const engine = await open();
    void keepBusy(engine);
    setTimeout(() => process.exit(3), 150);
  },
  /** Waits to be interrupted. */
  async busy() {
    const engine = await open();
    void keepBusy(engine);
    setTimeout(() => (parentPort ? parentPort.postMessage('busy') : say('busy')), 150);
  },
  /** Nothing is disposed: what is left open must not keep the process from ending. */
  async forgetful() {
    say(await answer(await open()));
  },
  async answer() {
    await using engine = await open();
    say(await answer(engine));
  },
  /** One worker is stopped in the middle of a step, which leaves the others, and this thread, working. */
  async workers() {
    const stopped = worker('busy');
    const others = [worker('answer'), worker('forgetful')].map(ended);
    await new Promise((resolve) => stopped.once('message', resolve));
    await stopped.terminate();
    const codes = await Promise.all(others);
    await using engine = await open();
    say(await answer(engine));
    say(`codes ${codes}`);
  },
  /** Another user of koffi loaded a library first, so that the stack for calls stays small. */
  async koffi() {
    koffi.load(onnxRuntimeLibrary());
    process.on('warning', ({ message }) => say(`warning ${message}`));
    const options = { ...model, threads: 1, taps: false };
    const session = await openGraphSession(join(folder, graphFile), options, join(folder, 'state'));
    say(session.runtime);
    await session.dispose();
  },
};
await scenarios[scenario]!();
