/** Every accidental way from a value to text must lead to `[redacted]`. */
import { format, inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { Secret } from './secret.ts';

describe('a secret', () => {
  const secret = new Secret('hunter2');

  it('is given away by reveal only', () => {
    expect(secret.reveal()).toBe('hunter2');
    const leaks = [
      String(secret),
      `${secret as unknown as string}x`,
      JSON.stringify({ secret }),
      inspect(secret, { showHidden: true, depth: 9 }),
      inspect({ deep: { secret } }, { depth: 9 }),
      format('%s %o %j', secret, secret, secret),
      Object.entries(secret).join(' '),
      new Error('x', { cause: secret }).cause,
    ].map(String);
    for (const text of leaks) expect(text).not.toContain('hunter2');
    expect(JSON.stringify({ secret })).toBe('{"secret":"[redacted]"}');
    expect(inspect({ secret })).toContain('[redacted]');
  });
});
