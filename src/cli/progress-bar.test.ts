import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ProgressBar } from './progress-bar.ts';

function stream(isTTY: boolean) {
  const made = Object.assign(new PassThrough(), {
    isTTY,
    columns: 100,
    cursorTo: () => true,
    moveCursor: () => true,
    clearLine: () => true,
  });
  return made as unknown as NodeJS.WriteStream & PassThrough;
}

describe('ProgressBar', () => {
  it('writes one line a phase where there is no terminal', () => {
    const stderr = stream(false);
    using progress = new ProgressBar(stderr);
    progress.update({ phase: 'download', file: 'a.gguf', done: 0, total: 98_362_432 });
    progress.update({ phase: 'download', file: 'a.gguf', done: 50_000_000, total: 98_362_432 });
    progress.update({ phase: 'verify', file: 'a.gguf', done: 0, total: null });
    progress.update({ phase: 'extracting pairs', done: 0, total: 16, unit: 'count' });
    expect(String(stderr.read())).toBe('download a.gguf (98 MB)\nverify a.gguf\nextracting pairs (16)\n');
  });

  it('draws a bar on a terminal, and says how far it is', () => {
    const stderr = stream(true);
    const progress = new ProgressBar(stderr);
    progress.update({ phase: 'extracting pairs', done: 4, total: 16, unit: 'count' });
    progress.stop();
    const drawn = String(stderr.read());
    expect(drawn).toMatch(/extracting pairs .*━{18}.*25%.*4 of 16/);
    progress.stop();
  });

  it('shows no bar for work that is over at once', () => {
    const stderr = stream(true);
    using progress = new ProgressBar(stderr);
    progress.update({ phase: 'verify', done: 1, total: 2 });
    progress.update({ phase: 'verify', done: 2, total: 2 });
    progress.stop();
    expect(stderr.read()).toBeNull();
  });
});
