/** What an honest submission costs a gateway: its message and its record paid for, beside a call that does nothing. */
import {
  BanBook,
  createAbuseControl,
  createMemoryLimiter,
  parseBudgets,
} from '@mosaic-cluster/abuse';

const CALLS = 1_000;
const BYTES = 600;
const VISITORS = 1_000;

function controlWith(isLimiting) {
  const budgets = parseBudgets(
    [
      'connects.*.*=100M/s:100M',
      'messages.*.*=100M/s:100M',
      'submissions.*.*=100M/s:100M',
      'bytes.*.*=100GiB/s:100GiB',
      'connections.*.*=1M',
    ].join(','),
  );
  const limiter = createMemoryLimiter({ budgets });
  return createAbuseControl({ limiter, bans: new BanBook({}), isLimiting });
}

const keyOf = (n) =>
  new Uint8Array(32)
    .fill(7)
    .fill(n & 255, 0, 1)
    .fill(n >> 8, 1, 2);

/** Submissions of many visitors in turn. */
function submitting({ isLimiting = true, address, hasKey }) {
  const control = controlWith(isLimiting);
  const visitors = Array.from({ length: VISITORS }, (_, n) =>
    control.admit({ address: address(n), key: hasKey ? keyOf(n) : undefined }, () => {}),
  );
  let at = 0;
  return () => {
    let paid = 0;
    for (let n = 0; n < CALLS; n++) {
      const visitor = visitors[at];
      if (visitor.message(BYTES) && visitor.submission()) paid += 1;
      at = (at + 1) % VISITORS;
    }
    if (paid !== CALLS) throw new Error('a submission was refused');
    return paid;
  };
}

const ipv4 = (n) => `198.51.${n >> 8}.${n & 255}`;
const ipv6 = (n) => `2001:db8:${n.toString(16)}::1`;

/** The tables of this file. */
export function tables() {
  const prepare = () => ({
    cases: [
      {
        name: 'limits off',
        ops: CALLS,
        run: submitting({ isLimiting: false, address: ipv4, hasKey: false }),
      },
      {
        name: 'anonymous, IPv4',
        ops: CALLS,
        run: submitting({ address: ipv4, hasKey: false }),
        aim: { perSecond: 2e5 },
      },
      {
        name: 'with a key, IPv4',
        ops: CALLS,
        run: submitting({ address: ipv4, hasKey: true }),
        aim: { perSecond: 2e5 },
      },
      {
        name: 'with a key, IPv6',
        ops: CALLS,
        run: submitting({ address: ipv6, hasKey: true }),
        aim: { perSecond: 2e5 },
      },
    ],
  });
  return [{ title: 'Abuse control: an honest submission', unit: 'submission', prepare }];
}
