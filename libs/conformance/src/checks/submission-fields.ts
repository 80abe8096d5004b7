/** Checks of a record's keys and fixed fields: one broken at a time, everything else as it should be. */
import { RECORD_AT, timestampFromMillis, TIMESTAMP_MAX } from '@mosaic-cluster/protocol';
import { type Check, check, reading, spec, skip } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { BAD_KEYS, forged } from '../forge.ts';
import type { Identity } from '../identity.ts';
import { expectAccepted, refuses, sample, type Wrong } from './refused-records.ts';

const DAY_MS = 86_400_000;

function withKey(
  t: CheckContext,
  author: Identity,
  key: Uint8Array,
  at: readonly number[],
): Uint8Array {
  // What such a key "signs" with S = 0 and a small-order R satisfies the equation.
  const signature = new Uint8Array(64);
  signature.set(BAD_KEYS[3]![1]);
  const change = (bytes: Uint8Array): void => {
    for (const place of at) bytes.set(key, place);
  };
  return forged(sample(t, author), author.secretKey, change, () => signature);
}

/** Where not everybody is served, an author that is nobody may be turned away unread. */
function needsOpenServer(t: CheckContext): void {
  if (!t.server.isOpen) skip('the author is nobody whom this server serves');
}

const keys: readonly Check[] = [
  refuses(
    'signing-key',
    spec('Cryptography: Digital Signature'),
    'a signing key of small order, not canonical or no point is INVALID',
    (t, author) =>
      BAD_KEYS.map(([what, key]): Wrong => [what, withKey(t, author, key, [RECORD_AT.signingKey])]),
  ),
  refuses(
    'author-key',
    spec('Cryptography: Digital Signature'),
    'an author key of small order, not canonical or no point is INVALID',
    (t, author) => {
      needsOpenServer(t);
      return BAD_KEYS.map(
        ([what, key]): Wrong => [
          what,
          forged(sample(t, author), author.secretKey, (bytes) => bytes.set(key, RECORD_AT.author)),
        ],
      );
    },
  ),
  refuses(
    'weak-key-forgery',
    spec('Cryptography: Digital Signature'),
    'a record that anybody can sign for a small-order author is INVALID',
    (t, author) => {
      needsOpenServer(t);
      return BAD_KEYS.map(
        ([what, key]): Wrong => [
          what,
          withKey(t, author, key, [RECORD_AT.author, RECORD_AT.signingKey]),
        ],
      );
    },
  ),
];

/** Sets one bit of one byte. */
function bit(t: CheckContext, author: Identity, at: number, mask: number): Wrong {
  const what = `byte ${at}, bit 0x${mask.toString(16)}`;
  return [
    what,
    forged(sample(t, author), author.secretKey, (bytes) => {
      bytes[at]! |= mask;
    }),
  ];
}

const fields: readonly Check[] = [
  refuses(
    'flags-reserved',
    spec('Record: Flags'),
    'a reserved flag of byte 0 is INVALID',
    (t, author) => [0x02, 0x08, 0x10, 0x20].map((mask) => bit(t, author, RECORD_AT.flags, mask)),
  ),
  refuses(
    'flags-scheme',
    spec('Record: Flags'),
    'a reserved signature scheme is INVALID',
    (t, author) => [0x40, 0x80, 0xc0].map((mask) => bit(t, author, RECORD_AT.flags, mask)),
  ),
  refuses(
    'flags-bytes-1-2',
    spec('Record: Flags'),
    'any bit of flag bytes 1 and 2 is INVALID',
    (t, author) =>
      [1, 2].flatMap((byte) =>
        [0x01, 0x10, 0x80].map((mask) => bit(t, author, RECORD_AT.flags + byte, mask)),
      ),
  ),
  check(
    'submission/flags-bytes-3-7',
    spec('Record: Flags'),
    'flag bytes 3 to 7 are not looked at',
    async (t) => {
      const author = t.user();
      const bytes = forged(sample(t, author), author.secretKey, (bytes) =>
        bytes.fill(0xff, RECORD_AT.flags + 3, RECORD_AT.flags + 8),
      );
      await expectAccepted(t, 'a record with all of their bits set', bytes);
    },
  ),
  refuses(
    'nonce-bit',
    spec('Record: Address: Unique Nonce'),
    'a nonce without its top bit is INVALID',
    (t, author) => [
      [
        'a nonce that starts with 0',
        forged(sample(t, author), author.secretKey, (bytes) => {
          bytes[RECORD_AT.nonce]! &= 0x7f;
        }),
      ],
    ],
  ),
  refuses('kind-audience', spec('Kind'), 'the reserved audience 10 is INVALID', (t, author) => [
    [
      'the audience 10',
      forged(sample(t, author), author.secretKey, (bytes) => {
        bytes[RECORD_AT.kind + 7] = 0x08;
      }),
    ],
  ]),
  refuses('kind-reserved', spec('Kind'), 'a reserved bit of the kind is INVALID', (t, author) => [
    ...[0x20, 0x40, 0x80].map((mask) => bit(t, author, RECORD_AT.kind + 7, mask)),
    ...[0x01, 0x80].map((mask) => bit(t, author, RECORD_AT.kind + 6, mask)),
  ]),
  refuses(
    'timestamp-bit',
    spec('Timestamps'),
    'a timestamp that starts with a 1 bit is INVALID',
    (t, author) => [bit(t, author, RECORD_AT.timestamp, 0x80)],
  ),
  refuses(
    'future',
    reading('Record: Timestamp'),
    'a record dated years ahead is INVALID',
    (t, author) => [
      [
        'ten years ahead',
        t.record(author, { timestamp: timestampFromMillis(Date.now() + 3650 * DAY_MS) }).bytes,
      ],
      ['the last moment', t.record(author, { timestamp: TIMESTAMP_MAX }).bytes],
    ],
  ),
  check(
    'submission/past',
    spec('Record: Timestamp'),
    'a record may be dated as far back as it likes',
    async (t) => {
      const author = t.user();
      for (const timestamp of [0n, 1n, timestampFromMillis(Date.UTC(1985, 0, 1))]) {
        await expectAccepted(
          t,
          `the timestamp ${timestamp}`,
          t.record(author, { timestamp }).bytes,
        );
      }
    },
  ),
];

/** Checks of keys and fixed fields. */
export const fieldChecks: readonly Check[] = [...keys, ...fields];
