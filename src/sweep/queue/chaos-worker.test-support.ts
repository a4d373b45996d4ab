/** A worker in a process of its own, which tests kill. Arguments: the queue's address, milliseconds of its locks. */
import { loadEngine } from '../../load-engine.ts';
import { work } from './work.ts';

const [url = '', lockMs] = process.argv.slice(2);
await using engine = await loadEngine('tiny', { precision: 'fp32', download: false, threads: 1 });
await work(engine, url, {
  jobs: 2,
  lockMs: Number(lockMs),
  signal: new AbortController().signal,
  onEvent: ({ type, job }) => process.stdout.write(`${type} ${job}\n`),
});
