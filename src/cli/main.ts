#!/usr/bin/env node
import { EXIT, Interrupted, OutputClosed, reportFailure } from './failure.ts';
import { runCli } from './run-cli.ts';
import type { Terminal } from './terminal.ts';

const { stdin, stdout, stderr } = process;
const controller = new AbortController();
const terminal: Terminal = { stdin, stdout, stderr, signal: controller.signal };

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The first asks the work to stop and clean up after itself; the second does not wait.
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort(new Interrupted());
  });
}
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  controller.abort(new OutputClosed());
});
stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
process.on('uncaughtException', (error) => {
  process.exit(reportFailure(error, terminal));
});

const code = await runCli(process.argv.slice(2), terminal);

// Sockets that are kept alive must not hold the process up; what is still to be written must.
const flushed = (stream: NodeJS.WriteStream) =>
  new Promise<void>((resolve) => {
    if (stream.destroyed || !stream.writable) resolve();
    else stream.write('', () => resolve());
  });
await Promise.all([flushed(stdout), flushed(stderr)]);
process.exit(code);
