/** How operators change budgets, and what they are told when they get it wrong. */
import { describe, expect, it } from 'vitest';
import { parseBudgets } from './budget-syntax.ts';
import { DEFAULT_BUDGETS, queryCost, renderBudgetsMarkdown } from './budget-table.ts';

describe('budgets', () => {
  it('are the defaults where nothing is said', () => {
    expect(parseBudgets('')).toEqual(DEFAULT_BUDGETS);
    const { address, network } = DEFAULT_BUDGETS.budgets.submissions;
    expect(network.anonymous.burst).toBe(address.anonymous.burst * 4);
    expect(address.registered.burst).toBeGreaterThan(address.anonymous.burst);
  });

  it('are changed one by one or many at once, and the last word counts', () => {
    const table = parseBudgets(
      'submissions.*.*=1/s:2, submissions.address.anonymous=0.5/m:3\nbytes.key.*=2MiB/s:1GiB connections.author.attested=7 subscriptions.*.anonymous=off',
    );
    const { submissions, bytes } = table.budgets;
    expect(submissions.network.registered).toEqual({ ratePerSecond: 1, burst: 2 });
    expect(submissions.address.anonymous).toEqual({ ratePerSecond: 0.5 / 60, burst: 3 });
    expect(bytes.key.attested).toEqual({ ratePerSecond: 2_097_152, burst: 1_073_741_824 });
    expect(bytes.address).toEqual(DEFAULT_BUDGETS.budgets.bytes.address);
    expect(table.holdings.connections.author.attested).toBe(7);
    expect(table.holdings.subscriptions.key.anonymous).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    ['submission.key.*=1/s:1', /"submission".*connects, messages, bytes, submissions, query, conn/],
    ['submissions.keys.*=1/s:1', /"keys".*address, network, key, author, or \*/],
    ['submissions.key.anon=1/s:1', /"anon".*anonymous, authenticated, attested, registered, or/],
    ['submissions.key.*', /no budget and size, such as/],
    ['submissions.key.*=5', /"5" is no size: say rate\/s:burst/],
    ['submissions.key.*=1/y:5', /no size/],
    ['submissions.key.*=x/s:5', /"x" is no number: say 20/],
    ['submissions.key.*=0/s:5', /rate must be more than 0 and the burst at least 1/],
    ['bytes.key.*=1MiB/s:64KiB', /burst at least 1048584/],
    ['connections.key.*=0.5', /no whole number/],
    ['query.key.*=1/s:1 x', /"x" is wrong/],
  ])('refuse %j and say why', (text, why) => {
    expect(() => parseBudgets(text)).toThrow(why);
    expect(() => parseBudgets(text)).toThrow(
      expect.objectContaining({ kind: 'invalid', code: 'budgets' }),
    );
  });

  it('are shown to people', () => {
    const text = renderBudgetsMarkdown(parseBudgets('submissions.key.anonymous=off'));
    expect(text).toContain('| `submissions` | address | 50/s, 10 000 | 100/s, 20 000 |');
    expect(text).toContain('| `submissions` | key | off | 50/s, 10 000 |');
    expect(text).toContain('| `connections` | key | 50 | 50 | 100 | 250 |');
  });

  it('count bytes read for a query like entries looked at', () => {
    expect(queryCost(10, 2_560)).toBe(20);
  });
});
