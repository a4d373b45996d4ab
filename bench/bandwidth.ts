/**
 * How fast all threads together read memory: each searches its own buffer, far larger than any cache, for a byte that
 * is not there (`memchr`, as wide as the processor's loads).
 */
import { Worker } from 'node:worker_threads';

const bytesPerThread = 256 * 2 ** 20;

// as text, for a worker does not inherit the loader that reads TypeScript
const reader = `
const { parentPort, workerData } = require('node:worker_threads');
const buffer = Buffer.alloc(workerData, 1);
parentPort.on('message', () => parentPort.postMessage(buffer.indexOf(2)));
parentPort.postMessage('ready');
`;

/** Bytes a second, once a round. */
export async function readBandwidth(threads: number, rounds: number): Promise<number[]> {
  const workers = Array.from(
    { length: threads },
    () => new Worker(reader, { eval: true, workerData: bytesPerThread }),
  );
  const answers = () =>
    Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  await answers();
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const done = answers();
    const start = performance.now();
    for (const worker of workers) worker.postMessage('read');
    await done;
    samples.push((threads * bytesPerThread) / ((performance.now() - start) / 1000));
  }
  await Promise.all(workers.map((worker) => worker.terminate()));
  return samples;
}
