import { pullModel } from '../src/models/index.ts';

/** Model tests need the 94 MB checkpoint: it is pulled once and stays in the cache folder. */
export async function setup(): Promise<void> {
  await pullModel('smollm2-135m-instruct');
}
