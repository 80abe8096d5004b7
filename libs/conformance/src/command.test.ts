/** The command's grammar: what it lists, what it refuses, how it ends. */
import { describe, expect, it } from 'vitest';
import { allChecks } from './all-checks.ts';
import { check, reading, spec } from './check.ts';
import { matches, runCommand } from './command.ts';
import { resultLine, totalsLine } from './report.ts';

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runCommand(args, {
    write: (text) => {
      out += text;
    },
    warn: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}

const KEY = 'ab'.repeat(32);

describe('the command', () => {
  it('lists every check with its rule', async () => {
    const { code, out } = await run('--list');
    expect(code).toBe(0);
    expect(out.trimEnd().split('\n')).toHaveLength(allChecks.length);
    expect(out).toMatch(
      /^get\/empty +a Get of nothing .* \[Messages: Query Closed; our reading\]$/m,
    );
  });

  it('leaves our readings out where only the specification counts', async () => {
    const { out } = await run('--list', '--spec-only');
    expect(out).not.toContain('our reading');
    expect(out).toContain('submission/accepted');
  });

  it.each([
    [['--only', 'nothing-like-this', '--url', 'ws://x'], 'no check is named'],
    [[], '--url is missing'],
    [['--url', 'http://x'], 'is no URL'],
    [['--url', 'ws://127.0.0.1:1/'], '--insecure-plain'],
    [['--url', 'wss://127.0.0.1:1/path'], 'served at "/"'],
    [['--url', 'wss://127.0.0.1:1/', '--server-key', 'abc'], '--server-key'],
    [['--url', 'wss://127.0.0.1:1/', '--timeout', '0'], '--timeout'],
    [['--url', 'wss://127.0.0.1:1/', '--break', 'everything'], 'limit-ignored'],
    [['--url', 'wss://127.0.0.1:1/', '--registered-secret', 'x'], '--registered-secret'],
    [['--url', 'wss://127.0.0.1:1/', '--server-key', KEY], 'cannot connect'],
    [['--nonsense'], 'unknown option'],
  ])('ends with 2 for %j', async (args, sentence) => {
    const { code, err } = await run(...args);
    expect(err).toContain(sentence);
    expect(code).toBe(2);
  });
});

describe('the checks', () => {
  it('have names, rules and titles that can be shown', () => {
    const names = allChecks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(300);
    for (const { name, rule, title } of allChecks) {
      expect(name).toMatch(/^[a-z-]+\/[a-z0-9.-]+$/);
      expect(rule.section).toMatch(/^[A-Z]/);
      expect(title).not.toMatch(/\n/);
    }
  });
});

describe('patterns', () => {
  it.each([
    ['query/limit', 'limit', true],
    ['query/limit', 'query/*', true],
    ['query/limit', 'q*limit', true],
    ['query/limit', 'get', false],
    ['query/limit', 'limit*query', false],
  ])('%s with %s: %s', (name, pattern, isMatch) => {
    expect(matches(name, pattern)).toBe(isMatch);
  });
});

describe('the report', () => {
  const one = check('get/x', spec('Messages: Get'), 'it works', async () => {});
  const two = check('get/y', reading('Messages: Get'), 'it works', async () => {});

  it('is a line per check', () => {
    const passed = { check: one, outcome: 'passed', detail: undefined, durationMs: 1 } as const;
    expect(resultLine(passed)).toMatch(/^ok {3}get\/x +it works \[Messages: Get\]$/);
    const failed = { check: two, outcome: 'failed', detail: 'no\nway', durationMs: 1 } as const;
    expect(resultLine(failed)).toMatch(
      /^FAIL get\/y +it works: no way \[Messages: Get; our reading\]$/,
    );
  });

  it('ends with the count', () => {
    expect(totalsLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
  });
});
