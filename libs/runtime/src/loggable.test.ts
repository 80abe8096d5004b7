/** Whatever is thrown at the log comes out small, valid JSON, without record bytes. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { toLoggable } from './loggable.ts';
import { Secret } from './secret.ts';

describe('toLoggable', () => {
  it('makes anything JSON-safe and bounded', () => {
    const anything = fc.anything({ withBigInt: true, withMap: true, withTypedArray: true });
    fc.assert(
      fc.property(anything, (value) => {
        const text = JSON.stringify(toLoggable(value)) ?? '';
        expect(text.length).toBeLessThan(1_000_000);
      }),
    );
  });

  it('shows bytes as their length, at any depth', () => {
    const value = { record: new Uint8Array(450), deep: [{ body: Buffer.from('private') }] };
    expect(toLoggable(value)).toEqual({ record: '<450 bytes>', deep: [{ body: '<7 bytes>' }] });
  });

  it('survives cycles, throwing getters and throwing toJSON', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(JSON.stringify(toLoggable(cycle))).toContain('<nested too deep>');
    const getter = Object.defineProperty({}, 'x', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    expect(toLoggable({ getter })).toEqual({ getter: '<unreadable>' });
    const json = {
      toJSON() {
        throw new Error('no');
      },
    };
    expect(toLoggable(json)).toBe('<unreadable>');
  });

  it('cuts long texts, lists and objects, and says so', () => {
    expect(toLoggable('x'.repeat(5000))).toMatch(/^x{4096}… <904 more characters>$/);
    expect(toLoggable(Array.from({ length: 40 }, () => 1))).toHaveLength(33);
    const wide = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`k${index}`, 1]));
    expect(toLoggable(wide)).toHaveProperty('…', '<8 more>');
  });

  it('takes the credentials out of addresses and leaves secrets closed', () => {
    expect(toLoggable(new URL('redis://:hunter2@h:1/'))).toBe('redis://redacted@h:1/');
    expect(toLoggable(new URL('nats://token@h:1'))).toBe('nats://redacted@h:1');
    expect(toLoggable(new URL('https://h/x'))).toBe('https://h/x');
    expect(toLoggable({ s: new Secret('hunter2') })).toEqual({ s: '[redacted]' });
  });

  it('writes errors with code and causes, but not what libraries hang on them', () => {
    const cause = Object.assign(new Error('reset'), { code: 'ECONNRESET', body: 'private' });
    const shown = toLoggable(new AggregateError([cause], 'all failed', { cause }));
    expect(shown).toMatchObject({
      type: 'AggregateError',
      message: 'all failed',
      cause: { type: 'Error', message: 'reset', code: 'ECONNRESET' },
      errors: [{ code: 'ECONNRESET' }],
    });
    expect(JSON.stringify(shown)).not.toContain('private');
  });
});
