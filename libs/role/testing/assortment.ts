/** Records of every sort for tests that compare indexes: many are versions of few. */
import type { RecordView } from '@mosaic-cluster/protocol';
import { RESULT } from '@mosaic-cluster/protocol';
import type { RolePolicy } from '../src/index.ts';
import { kind, moment, nonce, notify, person, record, schedule } from './people.ts';
import { openPolicy } from './policies.ts';

const ALICE = person(0);
const BOB = person(1);
const SUBKEY = person(10);
const KINDS = [
  kind(),
  kind({ duplicateHandling: 'replaceable' }),
  kind({ duplicateHandling: 'versioned' }),
  kind({ duplicateHandling: 'replaceable' }),
] as const;
const HELD_BYTES = 3;

/** `count` records, from the n-th of an endless list on; the same every time. */
export function assortment(count: number, from = 0): RecordView[] {
  return Array.from({ length: count }, (_, i) => numbered(from + i));
}

function numbered(n: number): RecordView {
  const author = n % 3 === 0 ? BOB : ALICE;
  const timestamp = moment((n * 7919) % 10_000);
  if (n % 10 === 9) {
    return schedule(author, timestamp, [{ subkey: SUBKEY, marker: 'activeSigning' }], n % 2);
  }
  return record(author, {
    kind: KINDS[n % 4]!,
    timestamp,
    tags: n % 4 === 0 ? [notify(BOB)] : [],
    payload: new Uint8Array(n % 5),
    nonce: nonce(n % 6),
    ...(n % 7 === 0 && n > 20 ? { signer: SUBKEY } : {}),
  });
}

/** Takes everything public, and holds some. */
export const holdingPolicy: RolePolicy = {
  ...openPolicy,
  judge: async (each) => {
    if (each.audience !== 'everybody') return RESULT.UNAUTHORIZED;
    return each.payloadLength === HELD_BYTES ? 'hold' : 'accept';
  },
};
