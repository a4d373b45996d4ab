/** The engine contract, for those who write an engine of their own. */
export type * from './engine.ts';
