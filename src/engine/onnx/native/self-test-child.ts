import { compareSessions } from './compare-sessions.ts';

compareSessions().then(
  () => process.send!('ok', () => process.exit(0)),
  (error: unknown) =>
    process.send!(error instanceof Error ? error.message : String(error), () => process.exit(1)),
);
