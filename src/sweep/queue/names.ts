import type { SweepJob } from '../job.ts';

/**
 * A queue for each model and precision: a worker never sees a job that it could not answer. Part of the name, as BullMQ puts
 * its own prefix before it.
 */
export function queueName({ model, engine }: Pick<SweepJob, 'model' | 'engine'>): string {
  return `answers-${model.fingerprint.slice(0, 16)}-${engine.name}-${engine.precision}`.replace(
    /[^\w.-]/g,
    '_',
  );
}
