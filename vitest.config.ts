import { defineConfig } from 'vitest/config';

const exclude = ['node_modules/**', 'dist/**'];
/** What needs the 94 MB checkpoint. */
const modelTests = ['{src,test}/**/*.model.test.ts', 'test/parity.test.ts'];

export default defineConfig({
  test: {
    reporters: ['default', ['json', { outputFile: '.vitest/report.json' }]],
    projects: [
      {
        test: {
          name: 'fast',
          include: ['{src,test}/**/*.test.ts'],
          exclude: [...exclude, ...modelTests],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'model',
          include: modelTests,
          exclude,
          globalSetup: ['test/pull-model.setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // each file keeps both cores busy with one engine
          fileParallelism: false,
        },
      },
    ],
  },
});
