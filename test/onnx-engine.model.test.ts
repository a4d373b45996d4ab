import { describeEngine } from '../src/engine/conformance.ts';
import { loadEngine } from '../src/load-engine.ts';

const prompts = [
  'Tom has 3 boxes with 4 pens in each. He gives away 5 pens. How many pens are left?',
  'What is the capital of France?',
  'Name three things that float on water, and say in one sentence for each of them why it does not sink.',
  'Write a short poem about rain.',
];

for (const precision of ['fp32', 'q4'] as const) {
  describeEngine(`onnx, SmolLM2-135M, ${precision}`, {
    open: () => loadEngine('smollm2-135m-instruct', { precision }),
    prompts,
    // int8 activations are rounded by block; another batch shape may sum in another order
    tolerance: precision === 'fp32' ? 2e-3 : 0.3,
  });
}
