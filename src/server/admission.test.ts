import { describe, expect, it } from 'vitest';
import { Admission } from './admission.ts';
import { ApiError } from './api-error.ts';

const never = new AbortController().signal;
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('Admission', () => {
  it('lets in as many answers as there are places, then the first that waits', async () => {
    const admission = new Admission(3, 10);
    const order: string[] = [];
    const first = await admission.enter(2, never);
    const enter = (name: string, places: number) =>
      admission.enter(places, never).then((leave) => {
        order.push(name);
        return leave;
      });
    const wide = enter('wide', 3);
    const narrow = enter('narrow', 1);
    await turn();
    // A place is free, but the one that came first needs three: nobody overtakes it.
    expect(order).toEqual([]);
    expect([admission.taken, admission.waiting]).toEqual([2, 2]);
    first();
    first();
    const leaveWide = await wide;
    expect([admission.taken, admission.waiting]).toEqual([3, 1]);
    leaveWide();
    (await narrow)();
    expect(order).toEqual(['wide', 'narrow']);
    expect([admission.taken, admission.waiting]).toEqual([0, 0]);
  });

  it('refuses with 429 and a time when the queue is full', async () => {
    const admission = new Admission(1, 1);
    await admission.enter(1, never);
    void admission.enter(1, never);
    const error = await admission.enter(1, never).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 429, apiCode: 'queue_full' });
    expect((error as ApiError).retryAfter).toBeGreaterThanOrEqual(1);
  });

  it('forgets one that gives up, and lets in what it held up', async () => {
    const admission = new Admission(2, 10);
    await admission.enter(1, never);
    const impatient = new AbortController();
    const wide = admission.enter(2, impatient.signal);
    const narrow = admission.enter(1, never);
    impatient.abort(new Error('bored'));
    await expect(wide).rejects.toThrow('bored');
    await narrow;
    expect([admission.taken, admission.waiting]).toEqual([2, 0]);
  });
});
