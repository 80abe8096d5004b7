/** Checks of a record's tags, ID and signature: one broken at a time, everything else as it should be. */
import { RECORD_AT, RECORD_BYTES_MAX } from '@mosaic-cluster/protocol';
import { type Check, check, reading, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import {
  forged,
  nonCanonicalNonce,
  smallOrderNonce,
  unreducedScalar,
  withBytes,
} from '../forge.ts';
import type { Identity } from '../identity.ts';
import { expectAccepted, refuses, sample, type Wrong } from './refused-records.ts';

/** A record whose tag section is these bytes, which need not be tags. */
function withTagBytes(t: CheckContext, author: Identity, section: readonly number[]): Uint8Array {
  const filler = { type: 0, value: new Uint8Array(section.length - 4) };
  const record = t.record(author, { isUntagged: true, tags: [filler] });
  return forged(record, author.secretKey, (bytes) => bytes.set(section, RECORD_AT.tags));
}

const tags: readonly Check[] = [
  refuses('tags-length', spec('Tags'), 'a tag shorter than its own head is INVALID', (t, author) =>
    [0, 1, 2, 3].map(
      (length): Wrong => [
        `a tag of length ${length}`,
        withTagBytes(t, author, [length, 0, 1, 0, 0, 0, 0, 0]),
      ],
    ),
  ),
  refuses(
    'tags-overrun',
    spec('Tags'),
    'a tag that overruns the section is INVALID',
    (t, author) => [
      ['by one byte', withTagBytes(t, author, [9, 0, 1, 0, 0, 0, 0, 0])],
      ['by far', withTagBytes(t, author, [0xff, 0xff, 1, 0, 0, 0, 0, 0])],
    ],
  ),
  refuses('tags-rest', spec('Tags'), 'bytes behind the last tag are INVALID', (t, author) =>
    [1, 2, 3].map(
      (rest): Wrong => [
        `${rest} bytes`,
        withTagBytes(t, author, [4, 0, 1, 0, ...new Array<number>(rest).fill(1)]),
      ],
    ),
  ),
  check(
    'submission/tags-any',
    reading('Tags'),
    'unknown tags, a tag of type 0 and core tags of a wrong shape are accepted',
    async (t) => {
      const value = new Uint8Array(3);
      const types = [0, 0x01, 0x02, 0x10, 0x20, 0x24, 0x6302, 0xffff];
      const record = t.record(t.user(), { tags: types.map((type) => ({ type, value })) });
      await expectAccepted(t, 'the record', record.bytes);
    },
  ),
  check(
    'submission/tags-largest',
    spec('Record: LenT'),
    'a tag section may have 65,535 bytes',
    async (t) => {
      const tag = { type: 0x6303, value: new Uint8Array(65_531) };
      const record = t.record(t.user(), { isUntagged: true, tags: [tag] });
      await expectAccepted(t, 'the record', record.bytes);
    },
  ),
];

const proof: readonly Check[] = [
  refuses(
    'id-hash',
    spec('Record: ID: Hash'),
    'an ID whose hash is another is INVALID',
    (t, author) =>
      [8, 30, 47].map(
        (at): Wrong => [
          `byte ${at}`,
          withBytes(sample(t, author), (bytes) => {
            bytes[at]! ^= 1;
          }),
        ],
      ),
  ),
  refuses(
    'id-timestamp',
    spec('Record: ID: Timestamp'),
    'an ID whose timestamp is not that of the record is INVALID',
    (t, author) => [
      [
        'one nanosecond more',
        withBytes(sample(t, author), (bytes) => {
          bytes[7]! ^= 1;
        }),
      ],
      ['zero', withBytes(sample(t, author), (bytes) => bytes.fill(0, 0, 8))],
    ],
  ),
  refuses(
    'altered',
    spec('Record: Signature'),
    'a record changed anywhere after signing is INVALID',
    (t, author) => {
      const places = [
        RECORD_AT.nonce + 7,
        RECORD_AT.kind + 5,
        RECORD_AT.flags + 7,
        RECORD_AT.tags + 6,
      ];
      return [...places, -40, -70].flatMap((place): Wrong[] => {
        const flip = (bytes: Uint8Array): void => {
          bytes[place < 0 ? bytes.length + place : place]! ^= 1;
        };
        const stale = sample(t, author).signature.slice();
        return [
          [`byte ${place}, old ID and signature`, withBytes(sample(t, author), flip)],
          [
            `byte ${place}, new ID, a signature of something else`,
            forged(sample(t, author), author.secretKey, flip, () => stale),
          ],
        ];
      });
    },
  ),
  refuses(
    'signature',
    spec('Record: Signature'),
    "a signature that is not the signing key's is INVALID",
    (t, author) => {
      const other = t.stranger();
      const bySignature = (what: string, signature: Uint8Array): Wrong => [
        what,
        forged(
          sample(t, author),
          author.secretKey,
          () => {},
          () => signature,
        ),
      ];
      return [
        ["another key's", forged(sample(t, author), other.secretKey, () => {})],
        bySignature('zeros', new Uint8Array(64)),
        bySignature('ones', new Uint8Array(64).fill(0xff)),
      ];
    },
  ),
  refuses(
    'signature-unreduced',
    spec('Cryptography: Digital Signature'),
    'a signature with S + L in place of S is INVALID',
    (t, author) => [
      [
        'S + L',
        forged(
          sample(t, author),
          author.secretKey,
          () => {},
          (prehash) => unreducedScalar(prehash, author.secretKey),
        ),
      ],
    ],
  ),
  refuses(
    'signature-not-canonical',
    spec('Cryptography: Digital Signature'),
    'a signature whose R is not canonical is INVALID',
    (t, author) => [
      [
        'R with y = p + 1',
        forged(
          sample(t, author),
          author.secretKey,
          () => {},
          (prehash) => nonCanonicalNonce(prehash, author.secretKey, author.publicKey),
        ),
      ],
    ],
  ),
  check(
    'submission/signature-cofactored',
    spec('Cryptography: Digital Signature'),
    'a signature that only the cofactored equation accepts is accepted',
    async (t) => {
      const author = t.user();
      const sign = (prehash: Uint8Array): Uint8Array =>
        smallOrderNonce(prehash, author.secretKey, author.publicKey);
      const bytes = forged(sample(t, author), author.secretKey, () => {}, sign);
      await expectAccepted(t, 'a record with an R of small order', bytes);
    },
  ),
  check(
    'submission/largest',
    spec('Record: Maximum Size'),
    'a record of exactly 1,048,576 bytes is accepted and comes back whole',
    async (t) => {
      const author = t.user();
      const payload = new Uint8Array(RECORD_BYTES_MAX - 152 - 64 - 24).fill(7);
      const record = t.record(author, { payload });
      if (record.bytes.length !== RECORD_BYTES_MAX) throw new Error('the check is wrong');
      await expectAccepted(t, 'the record', record.bytes);
    },
  ),
  check(
    'submission/zstd',
    spec('Record: Flags'),
    'a record with a compressed payload is accepted',
    async (t) => {
      // A Zstandard frame that holds nothing.
      const payload = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00);
      await expectAccepted(t, 'the record', t.record(t.user(), { payload, zstd: true }).bytes);
    },
  ),
];

/** Checks of tags, ID and signature. */
export const proofChecks: readonly Check[] = [...tags, ...proof];
