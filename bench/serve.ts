/**
 * `kvsteer serve` over loopback, the server in a process of its own: latency at 1, 8 and 32 streams, what distinct vectors cost a
 * batch, what eight streams gain over one; with --soak, whether memory grows over 10,000 requests.
 *
 *   npm run bench:serve [-- --quick] [--model NAME] [--parts latency,vectors,scaling] [--streams 1,8,32]
 *                       [--rounds N] [--soak] [--requests 10000] [--json]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { serveChild } from '../src/server/serve-child.test-support.ts';
import { type Result, table } from './results.ts';
import { storeVectors } from './serve/asks.ts';
import { measureScaling, measureVectors } from './serve/batch.ts';
import { measureLatency } from './serve/latency.ts';
import { soak } from './serve/soak.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    model: { type: 'string', default: 'tiny' },
    parts: { type: 'string', default: 'latency,vectors,scaling' },
    streams: { type: 'string', default: '1,8,32' },
    rounds: { type: 'string' },
    soak: { type: 'boolean', default: false },
    requests: { type: 'string', default: '10000' },
    json: { type: 'boolean', default: false },
  },
});
const say = (message: string) => process.stderr.write(`${message}\n`);
const parts = new Set(flags.soak ? ['soak'] : flags.parts.split(','));
const { model, quick } = flags;
const load = loadavg()[0]!;
say(`load before the start: ${load.toFixed(2)}${load > 0.5 ? '; the machine is busy: not for quoting' : ''}`);

/** tiny answers in a tenth of the time, so it is asked more. */
const isSmall = model === 'tiny';
const tokens = isSmall ? 64 : 32;
const rounds = Number(flags.rounds ?? (quick ? 3 : isSmall ? 15 : 5));
const folder = await mkdtemp(join(tmpdir(), 'kvsteer-bench-'));
const results: Result[] = [];
try {
  await using server = await serveChild([
    ...['--model', model, '--vectors', folder, '--max-concurrent', '64', '--log-level', 'silent'],
  ]);
  const served = { url: server.url, model };
  await storeVectors(server.url, model);
  if (parts.has('latency')) {
    for (const streams of flags.streams.split(',').map(Number)) {
      const requests = Math.max(quick ? 8 : isSmall ? 400 : 40, streams * (quick ? 1 : 3));
      say(`latency, ${streams} streams`);
      results.push(...(await measureLatency(served, { streams, requests, tokens })));
    }
  }
  if (parts.has('vectors')) {
    say('1 and 64 vectors');
    results.push(...(await measureVectors(served, { rounds, tokens: isSmall ? 256 : 16 })));
  }
  if (parts.has('scaling')) {
    say('1 and 8 streams');
    results.push(...(await measureScaling(served, { rounds, tokens: 128 }, isSmall ? null : 3)));
  }
  if (parts.has('soak')) results.push(...(await soak(served, Number(flags.requests), say)));
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(flags.json ? JSON.stringify(results) : table(results));
