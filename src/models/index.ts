/** Names to files on disk: known models, the hub, local paths; downloads that resume and are checked. */
export { cacheFolder } from './cache-folder.ts';
export { HttpStatusError } from './http.ts';
export { type ListedModel, listModels, type ModelState } from './list.ts';
export type { ModelProgress, ModelProgressListener } from './progress.ts';
export { type PullOptions, pullModel } from './pull.ts';
export { type ResolveOptions, resolveModel } from './resolve.ts';
export type { ModelKind, ResolvedModel } from './resolved-model.ts';
