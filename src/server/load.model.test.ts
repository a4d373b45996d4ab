/** The load of bench/load.ts with fewer requests: see load.test-support.ts for what is compared. */
import { expect, it } from 'vitest';
import { loadVector } from '../vectors/vector-file.ts';
import { loadRequests, putVectors, runLoad, soloAnswers } from './load.test-support.ts';
import { bundledVectors, testServer } from './running-server.test-support.ts';

it('64 streams, each with its own vector: all get what they get alone, bit for bit', async () => {
  await using held = await testServer({ limits: { concurrent: 64, queue: 64 } });
  const base = await loadVector(`${bundledVectors}/stepwise.safetensors`);
  const requests = loadRequests(base, 400);
  const solo = await soloAnswers(held.engine, requests);
  await putVectors(held.server.url, requests);
  const result = await runLoad(held.server.url, requests, solo, 64);
  expect(result).toMatchObject({ requests: 400, failures: [], unequal: [], distinct: 400 });
  await expect.poll(() => [held.rowsHeld(), held.server.service.requests.size]).toEqual([0, 0]);
});
