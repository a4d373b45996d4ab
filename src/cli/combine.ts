import type { Command } from 'commander';
import type { SteeringVector } from '../vectors/vector.ts';
import { requireFreeOutput } from './free-output.ts';
import { measuresOf } from './inspect.ts';
import { addVectorOutputOptions, type VectorOutputFlags } from './options/vector-output-options.ts';
import { readVector } from './read-vector.ts';
import { renderFields } from './render/table.ts';
import { colorsOf, printJson, printLine, type Terminal } from './terminal.ts';

const examples = `
The expression holds vectors, numbers, + - * / and parentheses. A vector is named as for
\`kvsteer run --vector\`; names with spaces, or that begin with a digit, go in quotes inside.
A / or - inside a name belongs to the name: write spaces around operators.
  0.7*a + 0.3*b      a mix
  -a                 away from what a leads to
  projectout(a, b)   a without its part along b, layer by layer

All vectors must have been extracted alike, with one model. Where a vector has several (kmeans),
the mean of them counts.

Examples:
  kvsteer combine "0.7*stepwise + 0.3*causal" -o mix.safetensors
  kvsteer combine "projectout(steps.safetensors, 'my length.safetensors')" -o pure.safetensors
`;

export function addCombineCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('combine')
    .summary('add, scale and project vectors')
    .description('Makes a vector out of others by a formula. The result records the formula.')
    .argument('<expression>', 'the formula, in quotes');
  addVectorOutputOptions(command, {
    licence: "licence, kept in the file (default: the vectors', where they share one)",
  })
    .addHelpText('after', examples)
    .action((expression: string, flags: VectorOutputFlags) => combine(expression, flags, terminal));
}

async function combine(text: string, flags: VectorOutputFlags, { stdout }: Terminal): Promise<void> {
  const { parseExpression } = await import('./combine/expression.ts');
  const { evaluateExpression, namesOf } = await import('./combine/evaluate.ts');
  const { inspectVector } = await import('../vectors/inspect-vector.ts');
  const { makeVector } = await import('../vectors/vector.ts');
  const { saveVector } = await import('../vectors/vector-file.ts');
  const expression = parseExpression(text);
  await requireFreeOutput(flags);
  const vectors = new Map<string, SteeringVector>();
  for (const name of namesOf(expression)) vectors.set(name, await readVector(name));
  const result = evaluateExpression(expression, text, vectors);
  const { recommendValues, recommendKeys } = flags;
  const vector = makeVector({
    ...result,
    recommended: {
      ...result.recommended,
      ...(recommendValues !== undefined && { values: recommendValues }),
      ...(recommendKeys !== undefined && { keys: recommendKeys }),
    },
    recipe: recipeOf(text, vectors, flags.name),
    licence: flags.licence ?? result.licence,
    creator: flags.creator ?? null,
    created: new Date().toISOString(),
  });
  await saveVector(vector, flags.output);
  const inspection = inspectVector(vector);
  if (flags.json) {
    const { meanKeyNorm, meanValueNorm } = inspection;
    printJson(stdout, {
      path: flags.output,
      expression: text,
      meanKeyNorm,
      meanValueNorm,
      recipe: vector.recipe,
    });
    return;
  }
  const colors = colorsOf(stdout);
  printLine(stdout, `${colors.green('✔')} ${colors.bold(flags.output)}\n`);
  printLine(stdout, renderFields([['formula', text], ...measuresOf(vector, inspection)], colors));
}

/** The formula, and what its names were. */
function recipeOf(text: string, vectors: ReadonlyMap<string, SteeringVector>, name?: string): string {
  const base = (path: string) => path.split(/[\\/]/).at(-1) ?? path;
  const where = [...vectors].map(
    ([path, { recipe }]) => `${base(path)} = ${recipe === null ? 'a vector without recipe' : `(${recipe})`}`,
  );
  const formula = `${text.replace(/\s+/g, ' ').trim()} where ${where.join(', ')}`;
  return (name === undefined ? formula : `${name}: ${formula}`).slice(0, 8192);
}
