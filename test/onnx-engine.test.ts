import { afterAll } from 'vitest';
import { describeEngine } from '../src/engine/conformance.ts';
import { loadEngine } from '../src/load-engine.ts';

const prompts = [
  'Ana has 3 boxes with 4 pens in each. She gives away 5 pens. How many pens are left?',
  'Tom has 12 apples. How many apples are there?',
  'Mia fills 6 bags with 7 shells each. Then she loses 10 shells. A friend gives her 4 more shells. How many are there in the end?',
  'Ben buys 8 cards.',
];

const before = process.env.KVSTEER_ORT;
afterAll(() => {
  if (before === undefined) delete process.env.KVSTEER_ORT;
  else process.env.KVSTEER_ORT = before;
});

for (const runtime of ['native', 'plain']) {
  for (const precision of ['fp32', 'q4'] as const) {
    describeEngine(`onnx, ${runtime}, the bundled model, ${precision}`, {
      open: () => {
        process.env.KVSTEER_ORT = runtime;
        return loadEngine('tiny', { precision, download: false });
      },
      prompts,
      // int8 activations are rounded by block: a step of one token takes another kernel than a prompt
      tolerance: precision === 'fp32' ? 1e-3 : 1,
    });
  }
}

describeEngine('onnx, native, the bundled model, fp32, fp16 keys and values', {
  open: () => {
    process.env.KVSTEER_ORT = 'native';
    return loadEngine('tiny', { precision: 'fp32', kvPrecision: 'fp16', download: false });
  },
  prompts,
  tolerance: 2e-2,
  rounding: 2 ** -11,
});
