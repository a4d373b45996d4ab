/**
 * Many requests at once on the bundled model, no two alike: each with its own vector, coefficient and prompt. Every answer is
 * compared, bit for bit, with the library's to the same, alone. Exit code 1 for a failure or a difference.
 *
 *   npm run test:load [-- --requests 2000] [--streams 64] [--json]
 */
import { parseArgs } from 'node:util';
import { loadRequests, putVectors, runLoad, soloAnswers } from '../src/server/load.test-support.ts';
import { bundledVectors, testServer } from '../src/server/running-server.test-support.ts';
import { loadVector } from '../src/vectors/vector-file.ts';

const { values: flags } = parseArgs({
  options: {
    requests: { type: 'string', default: '2000' },
    streams: { type: 'string', default: '64' },
    json: { type: 'boolean', default: false },
  },
});
const [count, streams] = [Number(flags.requests), Number(flags.streams)];
const limits = { concurrent: streams, queue: streams, vectors: count + 1 };
await using held = await testServer({ limits });
const base = await loadVector(`${bundledVectors}/stepwise.safetensors`);
const requests = loadRequests(base, count);
const say = (message: string) => process.stderr.write(`${message}\n`);
say('each alone');
const solo = await soloAnswers(held.engine, requests);
say('all together');
await putVectors(held.server.url, requests);
const result = await runLoad(held.server.url, requests, solo, streams);
// the last answer's row is freed in the moment after its last byte
await new Promise((resolve) => setTimeout(resolve, 100));
const rowsLeft = held.rowsHeld();
if (flags.json) console.log(JSON.stringify({ ...result, rowsLeft }));
else {
  console.log(
    `${result.requests} requests, ${streams} at a time, in ${(result.loadMs / 1000).toFixed(1)} s: ` +
      `${result.failures.length} failures, ${result.unequal.length} unlike their solo run ` +
      `(${result.distinct} distinct answers), ${rowsLeft} rows left`,
  );
  for (const line of [...result.failures, ...result.unequal].slice(0, 10)) console.log(line);
}
process.exitCode = result.failures.length + result.unequal.length + rowsLeft === 0 ? 0 : 1;
