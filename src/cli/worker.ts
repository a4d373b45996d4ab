import type { Command } from 'commander';
import { openEngine } from './open-engine.ts';
import { addModelOptions, type ModelFlags } from './options/model-options.ts';
import { number } from './options/parse.ts';
import { ProgressBar } from './progress-bar.ts';
import { counted, formatMilliseconds } from './render/quantities.ts';
import { colorsOf, printLine, type Terminal } from './terminal.ts';

interface WorkerFlags extends ModelFlags {
  readonly queue: string;
  readonly jobs: number;
}

const examples = `
Needs the packages bullmq and ioredis (npm install bullmq ioredis) and a Redis or Valkey with an append-only file:
  redis-server --appendonly yes

A worker takes the jobs of its own model and precision only, from any number of sweeps. Start as many as there are machines.
One that dies loses nothing: its jobs are given to another after half a minute. Ctrl-C gives them back at once. A job's
content decides nothing but what is asked of the model: paths and addresses are not among it.

Examples:
  kvsteer worker --queue redis://127.0.0.1:6379 --model tiny
  kvsteer sweep --queue redis://127.0.0.1:6379 --model tiny ...
`;

export function addWorkerCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('worker')
    .summary('answer the jobs of sweeps that other machines submit')
    .description(
      'Takes jobs from a queue on Redis and answers them with this model, until it is stopped. Jobs are named by their content, so one that is given twice is answered once.',
    )
    .optionsGroup('Queue:')
    .requiredOption('--queue <url>', 'address of the Redis, e.g. redis://127.0.0.1:6379 (required)')
    .option('--jobs <n>', 'jobs at once', number({ min: 1, max: 64, integer: true }), 2);
  addModelOptions(command)
    .addHelpText('after', examples)
    .action((flags: WorkerFlags) => worker(flags, terminal));
}

async function worker(flags: WorkerFlags, terminal: Terminal): Promise<void> {
  const { stdout, stderr, signal } = terminal;
  const colors = colorsOf(stdout);
  const { answerQueue } = await import('../sweep/queue/answer-queue.ts');
  using progress = new ProgressBar(stderr);
  await using engine = await openEngine(flags, terminal, progress);
  progress.stop();
  let jobs = 0;
  let answers = 0;
  printLine(stdout, `${engine.model.name}, ${engine.capabilities.precision}: waiting for jobs`);
  await answerQueue(engine, flags.queue, {
    jobs: flags.jobs,
    signal,
    onEvent: (event) => {
      const id = event.job?.slice(0, 12) ?? '';
      if (event.type === 'done') {
        jobs++;
        answers += event.answers;
        const words = `${counted(event.answers, 'answer')} in ${formatMilliseconds(event.ms)}`;
        printLine(stdout, `${colors.green('✔')} ${id}  ${words}`);
      } else if (event.type === 'failed') {
        printLine(stdout, `${colors.red('✘')} ${id}  ${event.reason}`);
      } else if (event.type === 'lost') {
        printLine(stdout, `${colors.yellow('…')} the queue is away (${event.reason}); waiting for it`);
      }
    },
  });
  printLine(stdout, `stopped after ${counted(jobs, 'job')}, ${counted(answers, 'answer')}`);
}
