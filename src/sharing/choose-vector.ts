import { InvalidArgumentError } from '../errors.ts';
import type { HubFile } from '../models/hub.ts';
import { formatHubName, type HubName, isSafeRelative } from '../models/hub-name.ts';

/** As `loadVector` bounds it. */
const maxBytes = 2 ** 28;

/** The files of a repository that may be vectors: any safetensors that is no model's weights. */
export function vectorFiles(files: readonly HubFile[]): HubFile[] {
  const weights = /(^|\/)(model|adapter_model|consolidated|diffusion_pytorch_model)[^/]*\.safetensors$/;
  return files.filter(
    ({ path }) => isSafeRelative(path) && path.endsWith('.safetensors') && !weights.test(path),
  );
}

/**
 * The one vector that a name means: the named file, or the only one there is.
 *
 * @throws InvalidArgumentError naming what the repository has.
 */
export function chooseVector(hub: HubName, files: readonly HubFile[]): HubFile {
  const candidates = vectorFiles(files);
  const chosen =
    hub.file === null ? (candidates.length === 1 ? candidates[0] : undefined) : named(candidates, hub.file);
  if (chosen === undefined) {
    const shown = candidates.slice(0, 12).map(({ path }) => path);
    const has =
      shown.length === 0
        ? 'It holds no vector.'
        : `Name one of its vectors: ${shown.map((path) => formatHubName({ ...hub, file: path })).join(', ')}.`;
    const what =
      hub.file === null ? `${hub.repo} is not one vector` : `${hub.repo} has no vector ${hub.file}`;
    throw new InvalidArgumentError('vector', `${what}. ${has}`);
  }
  if (chosen.size > maxBytes) {
    throw new InvalidArgumentError(
      'vector',
      `${chosen.path} of ${hub.repo} has ${chosen.size} bytes; a vector has at most ${maxBytes}.`,
    );
  }
  return chosen;
}

/** With or without its ending. */
function named(files: readonly HubFile[], name: string): HubFile | undefined {
  return files.find(({ path }) => path === name) ?? files.find(({ path }) => path === `${name}.safetensors`);
}
