/**
 * An OpenAI-compatible server whose requests each carry their own steering, batched together.
 *
 * @packageDocumentation
 */
export { createApp } from './create-app.ts';
export { defaultLimits, type ServerLimits } from './limits.ts';
export { type Log, Service, type ServiceOptions } from './service.ts';
export { type CloseOptions, type RunningServer, type ServerOptions, startServer } from './start-server.ts';
export type { Telemetry, TelemetrySpan } from './telemetry.ts';
export { VectorStore, type VectorStoreOptions } from './vectors/vector-store.ts';
