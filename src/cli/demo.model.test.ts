/** The demo on SmolLM2-135M-Instruct. */
import { expect, it } from 'vitest';
import { inProcess } from './kvsteer.test-support.ts';

it('shows dose and response on the smallest real model', async () => {
  const args = ['demo', '--model', 'smollm2-135m-instruct', '--problems', '8', '--json'];
  const { code, stdout } = await inProcess(args);
  expect(code).toBe(0);
  const { doseResponse, examples } = JSON.parse(stdout) as {
    doseResponse: { condition: string; steps: number }[];
    examples: { plain: { text: string }; steered: { text: string } }[];
  };
  const [plain, one, two, four, random] = doseResponse.map(({ steps }) => steps);
  expect([plain, random]).toEqual([0, 0]);
  expect(one).toBeLessThanOrEqual(two!);
  expect(two).toBeLessThanOrEqual(four!);
  expect(four).toBeGreaterThanOrEqual(7);
  for (const { plain, steered } of examples) {
    expect(plain.text).not.toMatch(/^Step/);
    expect(steered.text).toMatch(/^Step 1/);
  }
});
