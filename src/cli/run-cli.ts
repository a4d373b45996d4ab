import { EXIT, reportFailure } from './failure.ts';
import { createProgram } from './program.ts';
import type { Terminal } from './terminal.ts';

/** One run of the command line. @param args without `node` and the script. @returns the exit code; nothing is thrown. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const program = createProgram(terminal);
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: 'user' });
    // A Ctrl-C, or a reader that went away, at the very end.
    return terminal.signal.aborted ? reportFailure(terminal.signal.reason, terminal) : EXIT.done;
  } catch (error) {
    return reportFailure(error, terminal);
  }
}
