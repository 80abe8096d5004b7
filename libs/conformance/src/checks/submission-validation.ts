/** Checks of record validation: one rule broken at a time, everything else as it should be. */
import {
  pad8,
  RECORD_AT,
  RECORD_BYTES_MAX,
  type RecordView,
  timestampFromMillis,
  TIMESTAMP_MAX,
  writeU16,
  writeU32,
} from '@mosaic-cluster/protocol';
import { type Check, check, ensure, reading, type Rule, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { expectResult } from '../expect.ts';
import {
  BAD_KEYS,
  forged,
  nonCanonicalNonce,
  smallOrderNonce,
  unreducedScalar,
  withBytes,
} from '../forge.ts';
import type { Identity } from '../identity.ts';

const VALIDATION = spec('Record: Validation');
const DAY_MS = 86_400_000;

/** What is wrong, and the bytes. */
type Wrong = readonly [string, Uint8Array];

/** Expects INVALID for each, and that none of them can be got afterwards. */
async function expectInvalid(t: CheckContext, wrongs: readonly Wrong[]): Promise<void> {
  const conversation = await t.connect();
  for (const [what, bytes] of wrongs) {
    expectResult(await conversation.submit(bytes), 'INVALID', what);
  }
  const ids = wrongs
    .map(([, bytes]) => bytes.slice(0, 48))
    .filter((id) => id.length === 48 && id[0]! < 0x80);
  const { result } = await conversation.get(...ids);
  expectResult(result, 'NOT_FOUND', 'getting what was refused');
}

/** Expects ACCEPTED, and the same bytes back. */
async function expectAccepted(t: CheckContext, what: string, bytes: Uint8Array): Promise<void> {
  const conversation = await t.connect();
  expectResult(await conversation.submit(bytes), 'ACCEPTED', what);
  const { records } = await conversation.get(bytes.subarray(0, 48));
  const isSame = Buffer.compare(records[0]?.bytes ?? Buffer.alloc(0), bytes) === 0;
  ensure(isSame, `${what}: other bytes came back`);
}

/** A check that some ways of breaking a record are INVALID. */
function refuses(
  name: string,
  rule: Rule,
  title: string,
  wrongs: (t: CheckContext, author: Identity) => readonly Wrong[],
): Check {
  return check(`submission/${name}`, rule, title, async (t) => {
    await expectInvalid(t, wrongs(t, t.user()));
  });
}

const PAYLOAD = new TextEncoder().encode('A payload of 25 bytes, ok');

function sample(t: CheckContext, author: Identity): RecordView {
  return t.record(author, { payload: PAYLOAD, tags: [{ type: 0x6301, value: PAYLOAD }] });
}

function withLengths(
  record: RecordView,
  { tags, payload, signature }: { tags?: number; payload?: number; signature?: number },
): Uint8Array {
  return withBytes(record, (bytes) => {
    writeU16(bytes, RECORD_AT.tagsLength, tags ?? record.tagsLength);
    writeU16(bytes, RECORD_AT.signatureLength, signature ?? 64);
    writeU32(bytes, RECORD_AT.payloadLength, payload ?? record.payloadLength);
  });
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}

const lengths: readonly Check[] = [
  refuses('length-short', VALIDATION, 'a record of less than 152 bytes is INVALID', (t, author) =>
    [32, 48, 151].map(
      (length): Wrong => [`${length} bytes`, sample(t, author).bytes.slice(0, length)],
    ),
  ),
  refuses(
    'length-mismatch',
    VALIDATION,
    'a record longer or shorter than its parts is INVALID',
    (t, author) =>
      [-64, -8, -1, 1, 7, 8, 64].map((more): Wrong => {
        const { bytes } = sample(t, author);
        return [`${more} bytes`, resized(bytes, bytes.length + more)];
      }),
  ),
  refuses(
    'length-tags',
    VALIDATION,
    'a tag length that does not fit is INVALID',
    (t, author): Wrong[] => {
      const lengthsOf = (record: RecordView): number[] => [
        0,
        record.tagsLength - 8,
        record.tagsLength + 8,
        0xffff,
      ];
      return lengthsOf(sample(t, author)).map((tags) => [
        `LenT ${tags}`,
        withLengths(sample(t, author), { tags }),
      ]);
    },
  ),
  refuses(
    'length-payload',
    VALIDATION,
    'a payload length that does not fit is INVALID, however it is reckoned',
    (t, author) =>
      [0, 17, 33, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_fff9, 0xffff_ffff].map(
        (payload): Wrong => [`LenP ${payload}`, withLengths(sample(t, author), { payload })],
      ),
  ),
  refuses(
    'length-payload-wrapping',
    VALIDATION,
    'a payload length that wraps around 32 bits to the right size is INVALID',
    (t, author): Wrong[] => {
      const none = t.record(author, { payload: new Uint8Array(0) });
      return [
        ['LenP 0xffffffff', withLengths(none, { payload: 0xffff_ffff })],
        ['LenP 0xfffffff9', withLengths(none, { payload: 0xffff_fff9 })],
      ];
    },
  ),
  refuses(
    'length-signature',
    VALIDATION,
    'a signature of another length than 64 is INVALID',
    (t, author) =>
      [0, 56, 57, 63, 65, 72, 128].flatMap((signature): Wrong[] => {
        const record = sample(t, author);
        const bytes = withLengths(record, { signature });
        return [
          [`LenS ${signature}`, bytes],
          [
            `LenS ${signature}, with as many bytes`,
            resized(bytes, record.signedEnd + pad8(signature)),
          ],
        ];
      }),
  ),
  check(
    'submission/length-payload-padding',
    VALIDATION,
    'lengths without padding may be any that fit the padded ones',
    async (t) => {
      const author = t.user();
      const change = (bytes: Uint8Array): void => writeU32(bytes, RECORD_AT.payloadLength, 26);
      await expectAccepted(
        t,
        'a payload of 26 bytes',
        forged(sample(t, author), author.secretKey, change),
      );
    },
  ),
  check(
    'submission/padding-not-zero',
    reading('Record: Layout'),
    'padding that is not zero is accepted and kept',
    async (t) => {
      const author = t.user();
      const record = t.record(author, { payload: PAYLOAD });
      const bytes = forged(record, author.secretKey, (bytes) => {
        bytes[record.signedEnd - 1] = 0xff;
      });
      await expectAccepted(t, 'a record with 0xff as padding', bytes);
    },
  ),
];

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
    (t, author) =>
      BAD_KEYS.map(
        ([what, key]): Wrong => [
          what,
          forged(sample(t, author), author.secretKey, (bytes) => bytes.set(key, RECORD_AT.author)),
        ],
      ),
  ),
  refuses(
    'weak-key-forgery',
    spec('Cryptography: Digital Signature'),
    'a record that anybody can sign for a small-order author is INVALID',
    (t, author) =>
      BAD_KEYS.map(
        ([what, key]): Wrong => [
          what,
          withKey(t, author, key, [RECORD_AT.author, RECORD_AT.signingKey]),
        ],
      ),
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

/** Checks of record validation. */
export const validationChecks: readonly Check[] = [
  ...lengths,
  ...keys,
  ...fields,
  ...tags,
  ...proof,
];
