import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { Interrupted, OutputClosed, reportFailure } from './failure.ts';

function report(error: unknown, aborted?: Error, env: NodeJS.ProcessEnv = {}) {
  const stderr = new PassThrough() as unknown as NodeJS.WriteStream & PassThrough;
  const signal = aborted ? AbortSignal.abort(aborted) : new AbortController().signal;
  const code = reportFailure(error, { stderr, signal }, env);
  return [code, String(stderr.read() ?? '')] as const;
}

describe('reportFailure', () => {
  it('gives the message alone where the user can do something', () => {
    const error = new InvalidArgumentError('layers', 'Give other layers.');
    expect(report(error)).toEqual([2, 'kvsteer: Give other layers.\n']);
    expect(report(error, undefined, { KVSTEER_DEBUG: '1' })[1]).toMatch(/\n {4}at /);
    expect(report(error, undefined, { FORCE_COLOR: '1' })[1]).toContain('\u001b[31mkvsteer:');
    expect(report(Object.assign(new Error('x'), { code: 'ENOSPC', path: '/a' }))).toEqual([
      2,
      'kvsteer: /a: the disk is full.\n',
    ]);
  });

  it('asks for a report, with the stack, where kvsteer itself is wrong', () => {
    const [code, text] = report(new TypeError('x is not a function'));
    expect(code).toBe(1);
    expect(text).toMatch(/^kvsteer: .*report it.*\nTypeError: x is not a function\n {4}at /);
    expect(report('a text')[0]).toBe(1);
  });

  it('tells an interruption from a reader that went away, and both from what failed meanwhile', () => {
    const interrupted = new Interrupted();
    expect(report(interrupted, interrupted)).toEqual([130, expect.stringContaining('interrupted')]);
    expect(report(new DOMException('x', 'AbortError'), interrupted)[0]).toBe(130);
    expect(report(new InvalidArgumentError('a', 'b'), interrupted)[0]).toBe(2);
    const closed = new OutputClosed();
    expect(report(closed, closed)).toEqual([0, '']);
  });
});
