import { type Command, Option } from 'commander';
import { InvalidArgumentError } from '../errors.ts';
import type { KeyMode } from '../vectors/vector.ts';
import { requireFreeOutput } from './free-output.ts';
import { measuresOf } from './inspect.ts';
import { openEngine } from './open-engine.ts';
import { addModelOptions, type ModelFlags } from './options/model-options.ts';
import { number } from './options/parse.ts';
import { addVectorOutputOptions, type VectorOutputFlags } from './options/vector-output-options.ts';
import { ProgressBar } from './progress-bar.ts';
import { renderFields } from './render/table.ts';
import { colorsOf, printJson, printLine, type Terminal } from './terminal.ts';

interface ImportFlags extends ModelFlags, VectorOutputFlags {
  readonly keyMode: KeyMode;
  readonly position: number;
}

const examples = `
The file is safetensors without kvsteer's metadata, in one of two layouts:
  keys, values               [layers, KV heads, head_dim]
  keys.0, values.0, keys.1   a tensor a layer, [KV heads, head_dim]; axes of length 1 do not matter,
                             and keys/0, keys_0 or keys.layer.0 will do
All layers of the model must be there. The vector's recipe says where it came from.
A pickle of the published code (.pt) becomes such a file in Python, with \`kv\` what was loaded:
  save_file({f"{part}.{i}": t.contiguous() for part in ("keys", "values")
             for i, t in kv[part].items()}, "reference.safetensors")

Examples:
  kvsteer import reference.safetensors -o reference-vector.safetensors
  kvsteer import other.safetensors --model tiny --key-mode unrotated -o v.safetensors
`;

export function addImportCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('import')
    .summary("make another tool's keys and values a vector")
    .description(
      'Takes keys and values that another tool extracted, checks them against the model, and writes a vector file that knows its model. Steering by it edits as the published code does.',
    )
    .argument('<file>', 'safetensors file with keys and values')
    .optionsGroup('Extraction:')
    .addOption(
      new Option(
        '--key-mode <mode>',
        'how the keys were taken; post-rope: as they lie in the cache, as published; unrotated: RoPE taken off',
      )
        .choices(['post-rope', 'unrotated'])
        .default('post-rope'),
    )
    .option(
      '--position <n>',
      'token that was read, counted from the end of the prompt; 1 is the last',
      number({ min: 1, integer: true }),
      1,
    );
  addVectorOutputOptions(addModelOptions(command).optionsGroup('Output:'))
    .addHelpText('after', examples)
    .action((file: string, flags: ImportFlags) => importVector(file, flags, terminal));
}

async function importVector(file: string, flags: ImportFlags, terminal: Terminal): Promise<void> {
  const { stdout, stderr } = terminal;
  await requireFreeOutput(flags);
  const { loadVector, saveVector, readBounded } = await import('../vectors/vector-file.ts');
  const { readSafetensors } = await import('../tensor/safetensors/read.ts');
  const { hasVectorMetadata } = await import('../vectors/vector-metadata.ts');
  const { inspectVector } = await import('../vectors/inspect-vector.ts');
  const { makeVector } = await import('../vectors/vector.ts');
  // What is no such file is refused before a model is loaded.
  if (hasVectorMetadata(readSafetensors(await readBounded(file), file).metadata)) {
    throw new InvalidArgumentError(
      'file',
      `${file} is a kvsteer vector already. Use it as it is: kvsteer inspect ${file}`,
    );
  }
  using progress = new ProgressBar(stderr);
  await using engine = await openEngine(flags, terminal, progress);
  const read = await loadVector(file, { assume: engine, keyMode: flags.keyMode });
  const base = file.split(/[\\/]/).at(-1);
  const vector = makeVector({
    ...read,
    extraction: { position: flags.position, offsetToken: null },
    recommended: {
      values: flags.recommendValues ?? null,
      keys: flags.recommendKeys ?? null,
      layers: null,
    },
    recipe: `${flags.name === undefined ? '' : `${flags.name}: `}imported from ${base}`,
    licence: flags.licence ?? null,
    creator: flags.creator ?? null,
    created: new Date().toISOString(),
  });
  await saveVector(vector, flags.output);
  progress.stop();
  const inspection = inspectVector(vector);
  if (flags.json) {
    const { meanKeyNorm, meanValueNorm } = inspection;
    printJson(stdout, { path: flags.output, model: vector.model.name, meanKeyNorm, meanValueNorm });
    return;
  }
  const colors = colorsOf(stdout);
  printLine(stdout, `${colors.green('✔')} ${colors.bold(flags.output)}\n`);
  printLine(stdout, renderFields([['model', vector.model.name], ...measuresOf(vector, inspection)], colors));
}
