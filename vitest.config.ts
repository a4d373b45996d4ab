import { defineConfig } from 'vitest/config';

const exclude = ['node_modules/**', 'dist/**'];

export default defineConfig({
  test: {
    reporters: ['default', ['json', { outputFile: '.vitest/report.json' }]],
    projects: [
      {
        test: {
          name: 'fast',
          include: ['{src,test}/**/*.test.ts'],
          exclude: [...exclude, '**/*.model.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'model',
          include: ['{src,test}/**/*.model.test.ts'],
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
