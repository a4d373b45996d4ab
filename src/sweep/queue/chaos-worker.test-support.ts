/** A worker of one thread in a process of its own, which tests kill. Arguments: the queue's address, milliseconds of its locks, the model. */
import { loadEngine } from '../../load-engine.ts';
import { answerQueue } from './answer-queue.ts';

const [url = '', lockMs, model = 'tiny'] = process.argv.slice(2);
const precision = model === 'tiny' ? 'fp32' : 'q4';
await using engine = await loadEngine(model, { precision, download: false, threads: 1 });
await answerQueue(engine, url, {
  jobs: 2,
  lockMs: Number(lockMs),
  signal: new AbortController().signal,
  onEvent: ({ type, job }) => process.stdout.write(`${type} ${job}\n`),
});
