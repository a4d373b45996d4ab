import { InvalidArgumentError as BadValue, type Command } from 'commander';
import { type FieldMap, mappable } from '../../data/field-map.ts';

export interface DataFlags {
  readonly dataFolder?: string;
  readonly map?: FieldMap;
}

/** How a question set is found and read, for every command that takes one. */
export function addDataOptions(command: Command): Command {
  return addDataFolderOption(command).option(
    '--map <part=field>',
    'which field of the file is what, e.g. question=problem; may be repeated; choices=A,B,C,D for a field each',
    collectMap,
  );
}

/** For commands that read several sets, which `--map` could not tell apart. */
export function addDataFolderOption(command: Command): Command {
  return command.option(
    '--data-folder <path>',
    'look for known sets in this folder before the network, e.g. gsm8k_test.jsonl (default: $KVSTEER_DATA)',
  );
}

/** What `loadQuestions` takes of the flags. */
export function dataOptions({ dataFolder, map }: DataFlags): {
  readonly folder?: string;
  readonly map?: FieldMap;
} {
  return { ...(dataFolder !== undefined && { folder: dataFolder }), ...(map && { map }) };
}

function collectMap(text: string, before: FieldMap = {}): FieldMap {
  const at = text.indexOf('=');
  const [part, field] = [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  if (at < 1 || field === '' || !mappable.includes(part as (typeof mappable)[number])) {
    throw new BadValue(`Expected PART=FIELD, where PART is ${mappable.join(', ')}.`);
  }
  if (part in before) throw new BadValue(`"${part}" is mapped twice.`);
  const fields =
    part === 'choices' && field.includes(',') ? field.split(',').map((name) => name.trim()) : field;
  return { ...before, [part]: fields };
}
