import { readFile, stat } from 'node:fs/promises';
import { InvalidArgumentError as BadValue, type Command, CommanderError, Option } from 'commander';
import { InvalidFileError } from '../errors.ts';
import { defaultLimits } from '../server/limits.ts';
import { openEngine } from './open-engine.ts';
import { DEFAULT_OFFSET } from './options/defaults.ts';
import { addModelOptions, type ModelFlags } from './options/model-options.ts';
import { escapedText, number } from './options/parse.ts';
import { offsetOption } from './options/steering-options.ts';
import { ProgressBar } from './progress-bar.ts';
import { serveWords } from './serve-words.ts';
import { shippedFile } from './shipped-file.ts';
import { printLine, type Terminal } from './terminal.ts';

interface ServeFlags extends ModelFlags {
  readonly host: string;
  readonly port: number;
  readonly servedName?: string;
  readonly vectors?: string;
  readonly readOnly?: boolean;
  readonly apiKeyFile?: string;
  readonly rateLimit?: number;
  readonly cors?: readonly string[];
  readonly allowHost?: readonly string[];
  readonly maxConcurrent: number;
  readonly maxQueue: number;
  readonly maxPrompt?: number;
  readonly maxTokens: number;
  readonly timeout: number;
  readonly prefixCache: number;
  readonly kvCache?: number;
  readonly offsetToken?: string;
  readonly offset: boolean;
  readonly drain: number;
  readonly drainDelay: number;
  readonly logLevel?: string;
  readonly logPrompts?: boolean;
}

/** The model that comes with the package. */
const BUNDLED = 'tiny';
const MIB = 2 ** 20;

const examples = `
Examples:
  kvsteer serve
  kvsteer serve --model smollm2-135m-instruct --vectors ./vectors
  kvsteer serve --host 0.0.0.0 --api-key-file keys.txt --rate-limit 600

API keys can also come in KVSTEER_API_KEYS, separated by commas. A first Ctrl-C or SIGTERM lets running answers end; a second one does not wait.
Every route, with a curl: docs/serving.md
`;

export function addServeCommand(program: Command, terminal: Terminal): void {
  const whole = (min: number, max = Number.MAX_SAFE_INTEGER) => number({ min, max, integer: true });
  const command = program
    .command('serve')
    .summary('an OpenAI-compatible server, with a vector for every request')
    .description(
      'Serves a model to any OpenAI client. Each request names its own vectors, in the field "steering" or in the model name ("tiny+stepwise@0.7"); all of them decode in one batch.',
    )
    .optionsGroup('Server:')
    .option('--host <address>', 'address to listen on; 0.0.0.0 for every one', '127.0.0.1')
    .option('-p, --port <n>', 'port; 0 takes any free one', whole(0, 65_535), 8080)
    .option('--served-name <name>', "what requests call the model (default: the model's name)", servedName)
    .option(
      '--vectors <folder>',
      'folder of NAME.safetensors files to serve and to store uploads in; servers can share it (default: none, nothing can be stored)',
    )
    .option('--read-only', 'vectors can be used, not stored or deleted')
    .optionsGroup('Access:')
    .option('--api-key-file <file>', 'one key a line, # begins a comment; requests need one of them')
    .option('--rate-limit <n>', 'requests a minute for each key (default: no limit)', number({ min: 1 }))
    .option('--cors <origin>', 'let pages of this origin call the server; repeatable', collect)
    .option('--allow-host <name>', 'another name that the Host header may have; repeatable', collect)
    .optionsGroup('Limits:')
    .option('--max-concurrent <n>', 'answers that decode at once', whole(1, 1024), defaultLimits.concurrent)
    .option('--max-queue <n>', 'requests that wait; more get a 429', whole(0, 100_000), defaultLimits.queue)
    .option('--max-prompt <n>', "tokens of a prompt (default: the model's context)", whole(1))
    .option('--max-tokens <n>', 'tokens of an answer', whole(1), defaultLimits.answerTokens)
    .option(
      '--timeout <s>',
      'seconds for a request',
      number({ above: 0, max: 86_400 }),
      defaultLimits.requestMs / 1000,
    )
    .option('--prefix-cache <MiB>', 'memory for prompts that were read before; 0 keeps none', whole(0), 256)
    .option(
      '--kv-cache <MiB>',
      "memory for all keys and values (default: a quarter of the machine's, at most 4096)",
      whole(1),
    )
    .option('--drain <s>', 'seconds that running answers get at the end', number({ min: 0, max: 3600 }), 30)
    .option(
      '--drain-delay <s>',
      'seconds to go on first, while /readyz says 503',
      number({ min: 0, max: 3600 }),
      0,
    )
    .optionsGroup('Steering:')
    .option(
      '--offset-token <text>',
      `one token appended to steered prompts, so that the prompt's own last token can be edited (default: ${JSON.stringify(DEFAULT_OFFSET)})`,
      escapedText,
    )
    .option('--no-offset', 'append nothing: edit the token before the last one of the prompt')
    .optionsGroup('Log:')
    .addOption(
      new Option(
        '--log-level <level>',
        'JSON lines on stderr (default: info; warn where stderr is a terminal)',
      ).choices(['debug', 'info', 'warn', 'error', 'silent']),
    )
    .option('--log-prompts', 'log prompts and answers as well');
  addModelOptions(command, BUNDLED)
    .addHelpText('after', examples)
    .action((flags: ServeFlags) => serve(flags, terminal));
}

async function serve(flags: ServeFlags, terminal: Terminal): Promise<void> {
  const { stdout, stderr, signal } = terminal;
  const apiKeys = await readKeys(flags.apiKeyFile);
  using progress = new ProgressBar(stderr);
  const engine = await openEngine(flags, terminal, progress, {
    ...(flags.kvCache !== undefined && { kvCacheBytes: flags.kvCache * MIB }),
  });
  await using _ = engine;
  const [{ startServer }, { pino }] = await Promise.all([
    import('../server/start-server.ts'),
    import('pino'),
  ]);
  const level = flags.logLevel ?? (stderr.isTTY ? 'warn' : 'info');
  await using server = await startServer({
    engine,
    host: flags.host,
    port: flags.port,
    ...(flags.servedName !== undefined && { modelName: flags.servedName }),
    vectors: {
      ...(flags.vectors !== undefined && { folder: flags.vectors }),
      ...(flags.model === BUNDLED && { bundled: shippedFile('tiny', 'vectors') }),
      readOnly: flags.readOnly ?? false,
    },
    apiKeys,
    ...(flags.rateLimit !== undefined && { requestsPerMinute: flags.rateLimit }),
    corsOrigins: flags.cors ?? [],
    allowedHosts: flags.allowHost ?? [],
    limits: {
      concurrent: flags.maxConcurrent,
      queue: flags.maxQueue,
      answerTokens: flags.maxTokens,
      requestMs: Math.ceil(flags.timeout * 1000),
      ...(flags.maxPrompt !== undefined && { promptTokens: flags.maxPrompt }),
    },
    prefixCacheBytes: flags.prefixCache * MIB,
    ...offsetOption(flags),
    log: pino({ level, base: null }, stderr),
    logPrompts: flags.logPrompts ?? false,
  });
  const names = (await server.service.vectors.list()).map(({ name }) => name);
  for (const line of serveWords(server, names, { host: flags.host, apiKeys })) printLine(stdout, line);

  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await server.close({ deadlineMs: flags.drain * 1000, delayMs: flags.drainDelay * 1000 });
  // That is how a server ends: no failure, and nothing more to say.
  throw new CommanderError(0, 'kvsteer.stopped', '');
}

const mostKeyBytes = 65_536;

/** @throws InvalidFileError for a file that cannot be read or holds no key. */
async function readKeys(path: string | undefined, env: NodeJS.ProcessEnv = process.env): Promise<string[]> {
  const split = (text: string) => text.split(/[\s,]+/).filter((key) => key !== '');
  const fromEnv = split(env.KVSTEER_API_KEYS ?? '');
  if (path === undefined) return fromEnv;
  if ((await stat(path)).size > mostKeyBytes) {
    throw new InvalidFileError(path, `larger than ${mostKeyBytes} bytes. Is it a file of API keys?`);
  }
  const keys = split((await readFile(path, 'utf8')).replace(/^\s*#.*$/gm, ''));
  if (keys.length > 0) return [...fromEnv, ...keys];
  throw new InvalidFileError(path, 'holds no API key. Put one on a line, e.g. from: openssl rand -hex 32');
}

function servedName(text: string): string {
  if (/^[\w./-]{1,128}$/.test(text)) return text;
  throw new BadValue('Expected 1 to 128 letters, digits, ".", "_", "-" and "/".');
}

function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}
