import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cacheFolder } from './cache-folder.ts';
import { formatHubName, hubFolder, isSafeRelative, parseHubName } from './hub-name.ts';
import { knownModels } from './registry.ts';
import { closestNames } from './suggest.ts';

describe('cacheFolder', () => {
  const at = (platform: NodeJS.Platform, env: NodeJS.ProcessEnv = {}) =>
    cacheFolder({ platform, env, home: '/home/u' });
  it('follows the platform, and the environment before it', () => {
    expect(at('linux')).toBe(join('/home/u', '.cache', 'kvsteer'));
    expect(at('darwin')).toBe(join('/home/u', 'Library', 'Caches', 'kvsteer'));
    expect(at('win32', { LOCALAPPDATA: '/local' })).toBe(join('/local', 'kvsteer'));
    expect(at('linux', { XDG_CACHE_HOME: '/xdg' })).toBe(join('/xdg', 'kvsteer'));
    expect(at('linux', { XDG_CACHE_HOME: 'relative' })).toBe(join('/home/u', '.cache', 'kvsteer'));
    expect(at('darwin', { XDG_CACHE_HOME: '/xdg', KVSTEER_CACHE: '/mine' })).toBe('/mine');
  });
});

describe('parseHubName', () => {
  it('takes the parts', () => {
    expect(parseHubName('o/n')).toEqual({ repo: 'o/n', revision: 'main', file: null });
    expect(parseHubName('o/n@v1')).toEqual({ repo: 'o/n', revision: 'v1', file: null });
    expect(parseHubName('o/n@refs/pr/1:d/x.gguf')).toEqual({
      repo: 'o/n',
      revision: 'refs/pr/1',
      file: 'd/x.gguf',
    });
  });
  it('leaves what has not the form', () => {
    for (const name of ['n', './a/b', '/a/b', 'a/b/c', '../a', 'a/..', 'C:\\a\\b', 'a/b@', 'a/b:', '']) {
      expect(parseHubName(name)).toBeNull();
    }
  });
  it('gives each name its own folder inside the cache', () => {
    const part = fc.stringMatching(/^[A-Za-z0-9_]{1,5}$/);
    const path = fc
      .array(fc.stringMatching(/^[A-Za-z0-9_-]{1,4}$/), { minLength: 1, maxLength: 3 })
      .map((p) => p.join('/'));
    const name = fc.record({
      repo: fc.tuple(part, part).map((p) => p.join('/')),
      revision: path,
      file: fc.option(path.map((p) => `${p}.gguf`)),
    });
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(parseHubName(formatHubName(a))).toEqual(a);
        const same = formatHubName(a) === formatHubName(b);
        expect(hubFolder('/c', a) === hubFolder('/c', b)).toBe(same);
      }),
    );
  });
  it('knows paths that leave their folder', () => {
    for (const path of ['../a', 'a/../b', '/a', 'a//b', 'a\\b', 'C:a', '', './a', 'a\0b']) {
      expect(isSafeRelative(path)).toBe(false);
    }
    expect(isSafeRelative('onnx/model.onnx_data')).toBe(true);
  });
});

describe('closestNames', () => {
  const names = ['tiny', 'smollm2-135m-instruct'];
  it('finds slips and parts, and nothing for another name', () => {
    expect(closestNames('tinny', names)).toEqual(['tiny']);
    expect(closestNames('HuggingFaceTB/SmolLM2-135M-Instruct', names)).toEqual(['smollm2-135m-instruct']);
    expect(closestNames('smollm2', names)).toEqual(['smollm2-135m-instruct']);
    expect(closestNames('llama', names)).toEqual([]);
    expect(closestNames('', names)).toEqual([]);
  });
});

describe('knownModels', () => {
  it('gives each name one artefact with a digest', () => {
    expect(new Set(knownModels.map(({ name }) => name)).size).toBe(knownModels.length);
    for (const model of knownModels) {
      if (model.kind === 'download') expect(model.artefact.sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });
});
