import { type Command, Option } from 'commander';
import { DEFAULT_MODEL, DEFAULT_PRECISION } from './defaults.ts';
import { number } from './parse.ts';

export interface ModelFlags {
  readonly model: string;
  readonly precision: 'fp32' | 'q4';
  readonly kvPrecision?: 'fp32' | 'fp16';
  readonly threads?: number;
}

/** @param model the default. */
export function addModelOptions(command: Command, model: string = DEFAULT_MODEL): Command {
  return command
    .optionsGroup('Model:')
    .option(
      '-m, --model <name|path>',
      'a name of `kvsteer models`, a hub id (owner/name), a .gguf file, or a folder with safetensors or ONNX; a model that is not here yet is pulled',
      model,
    )
    .addOption(
      new Option(
        '--precision <kind>',
        'q4: 4-bit weights as they are in the file; fp32: every weight as float32',
      )
        .choices(['q4', 'fp32'])
        .default(DEFAULT_PRECISION),
    )
    .addOption(
      new Option(
        '--kv-precision <kind>',
        'keys and values of the cache: fp32: exact; fp16: rounded, half the memory',
      )
        .choices(['fp32', 'fp16'])
        .default('fp32'),
    )
    .option(
      '--threads <n>',
      'threads that compute (default: the engine decides)',
      number({ min: 1, max: 1024, integer: true }),
    );
}
