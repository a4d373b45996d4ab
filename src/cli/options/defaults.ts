/** The smallest real chat model: see src/models/registry.ts. */
export const DEFAULT_MODEL = 'smollm2-135m-instruct';
export const DEFAULT_PRECISION = 'q4';
/** A line feed: the offset token of the published method for chat templates that end in one. */
export const DEFAULT_OFFSET = '\n';
