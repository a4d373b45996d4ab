import { MissingPackageError } from '../../errors.ts';

type Packages = {
  readonly bullmq: typeof import('bullmq');
  readonly Redis: typeof import('ioredis').Redis;
};

/** The optional packages of the queue, loaded when a queue is first used. @throws MissingPackageError */
export async function loadQueuePackages(): Promise<Packages> {
  try {
    const [bullmq, { Redis }] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { bullmq, Redis };
  } catch (cause) {
    throw new MissingPackageError('The queue', ['bullmq', 'ioredis'], { cause });
  }
}
