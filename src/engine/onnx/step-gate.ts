import { DisposedError, RuntimeFailureError } from '../../errors.ts';

/** Lets one step at a time into a session, and none after its disposal. */
export class StepGate {
  #inFlight: Promise<unknown> | undefined;
  #closed: Promise<void> | undefined;

  /** @throws DisposedError; RuntimeFailureError where a step is in flight: the two would write to the same buffers. */
  async run<T>(step: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new DisposedError('session');
    if (this.#inFlight) {
      throw new RuntimeFailureError('A step was asked for before the one before had ended. Await each step.');
    }
    const work = step();
    this.#inFlight = work;
    try {
      return await work;
    } finally {
      this.#inFlight = undefined;
    }
  }

  /** Waits for the step in flight, then releases; later calls wait for the same. */
  close(release: () => void | Promise<void>): Promise<void> {
    this.#closed ??= Promise.resolve(this.#inFlight)
      .catch(() => {})
      .then(release);
    return this.#closed;
  }
}
