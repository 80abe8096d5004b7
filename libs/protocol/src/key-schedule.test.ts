/** Key schedules: every fault refuses the whole, every marker means its sentence. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { writeU16 } from './bytes.ts';
import { coreTag } from './core-tag.ts';
import { isMosaicError, MosaicError } from './error.ts';
import {
  KEY_MARKER,
  type KeyMarkerName,
  KeySchedule,
  parseKeySchedule,
  signingKeyBelongs,
} from './key-schedule.ts';
import {
  attestSubkey,
  buildKeySchedule,
  encodeKeyScheduleEntries,
  type KeyScheduleEntryInput,
} from './key-schedule-build.ts';
import { KNOWN_KINDS } from './kind.ts';
import { buildRecord } from './record-build.ts';
import { PUBLIC_KEYS, SECRET_KEYS, timestamp } from '../testing/arbitraries.ts';
import { flip } from '../testing/edit-bytes.ts';

const [MASTER_SECRET, SUB_SECRET, OTHER_SECRET] = SECRET_KEYS as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const [MASTER, SUB, OTHER] = PUBLIC_KEYS as [Uint8Array, Uint8Array, Uint8Array];
const ATTESTATION = attestSubkey(SUB_SECRET, MASTER);
const TRUSTING = { verify: () => true } as const;
const REVOKED_AT = 1000n;

function scheduleOf(...entries: KeyScheduleEntryInput[]): KeySchedule {
  return parseKeySchedule(
    buildKeySchedule({ masterSecretKey: MASTER_SECRET, timestamp: 1n, entries }),
    TRUSTING,
  );
}

function sub(marker: KeyMarkerName, revokedAt = 0n): KeyScheduleEntryInput {
  return { marker, revokedAt, attestation: ATTESTATION };
}

/** A schedule of raw payload bytes, its Subkey tag in place. */
function rawSchedule(payload: Uint8Array): KeySchedule {
  const tags = [coreTag({ name: 'subkey', key: SUB })];
  const record = buildRecord({
    kind: KNOWN_KINDS['key-schedule'],
    timestamp: 1n,
    secretKey: MASTER_SECRET,
    tags,
    payload,
  });
  return parseKeySchedule(record);
}

/** The payload of one active subkey, changed. */
function changed(change: (payload: Uint8Array) => void): Uint8Array {
  const payload = encodeKeyScheduleEntries([sub('activeSigning')]);
  change(payload);
  return payload;
}

test.each([
  'revoked',
  'toString',
  '',
])('no key gets active by a marker that there is not: %s', (marker) => {
  expect(() => encodeKeyScheduleEntries([sub(marker as KeyMarkerName, 5n)])).toThrow(
    expect.objectContaining({
      code: 'key-schedule',
      message: expect.stringContaining('revokedAll'),
    }),
  );
});

test('what was built is read, with real signatures', () => {
  const entries: KeyScheduleEntryInput[] = [
    sub('activeSigning'),
    { marker: 'activeEncryption', encryptionKey: new Uint8Array(32).fill(5) },
  ];
  const record = buildKeySchedule({ masterSecretKey: MASTER_SECRET, timestamp: 1n, entries });
  const schedule = parseKeySchedule(record);
  expect(schedule.master).toEqual(MASTER);
  expect(schedule.entries).toEqual([
    { kind: 'subkey', algorithm: 'curve25519', marker: 'activeSigning', revokedAt: 0n, key: SUB },
    {
      kind: 'encryptionKey',
      algorithm: 'curve25519',
      marker: 'activeEncryption',
      revokedAt: 0n,
      key: new Uint8Array(32).fill(5),
    },
  ]);
});

describe('does a key belong to the master', () => {
  const markers = Object.keys(KEY_MARKER) as KeyMarkerName[];

  test('by the sentence of each marker', () => {
    const schedules = new Map(
      markers.map((marker) => [marker, scheduleOf(sub(marker, REVOKED_AT))]),
    );
    const time = fc.oneof(timestamp, fc.bigInt({ min: REVOKED_AT - 2n, max: REVOKED_AT + 2n }));
    fc.assert(
      fc.property(fc.constantFrom(...markers), time, time, (marker, dated, received) => {
        const got = schedules.get(marker)?.admits(SUB, dated, received);
        const isPastFine = received < REVOKED_AT && dated <= REVOKED_AT;
        expect(got).toBe(marker !== 'revokedAll' && (marker !== 'revokedPast' || isPastFine));
      }),
      { numRuns: 500 },
    );
  });

  test('the master key always signs for itself, a stranger never does', () => {
    const schedule = scheduleOf(sub('activeSigning'));
    expect(schedule.admits(MASTER, 0n, 0n)).toBe(true);
    expect(schedule.admits(OTHER, 0n, 0n)).toBe(false);
    expect(signingKeyBelongs(MASTER, MASTER, undefined, 0n, 0n)).toBe(true);
    expect(signingKeyBelongs(MASTER, SUB, undefined, 0n, 0n)).toBe(false);
    expect(signingKeyBelongs(MASTER, SUB, schedule, 0n, 0n)).toBe(true);
    expect(signingKeyBelongs(OTHER, SUB, schedule, 0n, 0n)).toBe(false);
  });

  test('a connection acts for the master unless the key is revoked or out of use', () => {
    const acting = markers.filter((marker) => scheduleOf(sub(marker, REVOKED_AT)).actsFor(SUB));
    expect(acting).toEqual(['activeSigning', 'activeEncryption', 'activeNostr']);
  });

  test('of a key that stands twice a revocation wins, in either order', () => {
    const both = [sub('activeSigning'), sub('revokedAll', 1n)];
    for (const entries of [both, both.toReversed()]) {
      const schedule = scheduleOf(...entries);
      expect(schedule.admits(SUB, 0n, 0n)).toBe(false);
      expect(schedule.actsFor(SUB)).toBe(false);
    }
  });

  test('an encryption key signs nothing', () => {
    const schedule = scheduleOf({ marker: 'activeEncryption', encryptionKey: OTHER });
    expect(schedule.admits(OTHER, 0n, 0n)).toBe(false);
    expect(schedule.actsFor(OTHER)).toBe(false);
  });

  test('a secp256k1 attestation is read and never makes a signing key', () => {
    const schedule = rawSchedule(
      changed((payload) => {
        payload[16 + 5] = 1;
        payload.fill(0xee, 16 + 72);
      }),
    );
    expect(schedule.entries).toMatchObject([{ algorithm: 'secp256k1', kind: 'subkey' }]);
    expect(schedule.admits(SUB, 0n, 0n)).toBe(false);
    expect(schedule.actsFor(SUB)).toBe(false);
  });
});

describe('one fault makes the whole schedule invalid', () => {
  const changes: [string, (payload: Uint8Array) => void][] = [
    ['an unknown entry kind', (payload) => (payload[0] = 3)],
    ['a byte that must be zero', (payload) => (payload[1] = 1)],
    ['a length of 0', (payload) => writeU16(payload, 2, 0)],
    ['a length below the head', (payload) => writeU16(payload, 2, 15)],
    ['a length beyond the payload', (payload) => writeU16(payload, 2, 160)],
    ['an unknown marker', (payload) => (payload[4] = 2)],
    ['a marker with a high byte', (payload) => (payload[5] = 1)],
    ['a timestamp with its first bit set', (payload) => (payload[8] = 0x80)],
    ['a revocation without a timestamp', (payload) => (payload[4] = 0x40)],
    ['another magic', (payload) => flip(payload, 16)],
    ['a reserved algorithm', (payload) => (payload[21] = 2)],
    ['a signature length of 63', (payload) => (payload[22] = 63)],
    ['another master', (payload) => flip(payload, 56)],
    ['another subkey than its tag', (payload) => flip(payload, 24)],
    ['a signature that is none', (payload) => flip(payload, 100)],
  ];

  test.each(changes)('%s', (_, change) => {
    expect(() => rawSchedule(changed(change))).toThrow(
      expect.objectContaining({ kind: 'invalid', code: 'key-schedule' }),
    );
  });

  test('the unchanged one is fine, and so are reserved bytes', () => {
    expect(rawSchedule(changed(() => undefined)).admits(SUB, 0n, 0n)).toBe(true);
    expect(rawSchedule(changed((payload) => payload.fill(9, 6, 8))).admits(SUB, 0n, 0n)).toBe(true);
  });

  test('a subkey of small order, however it was attested', () => {
    const weak = new Uint8Array(32);
    const payload = changed((bytes) => bytes.set(weak, 24));
    const tags = [{ type: 0x10, value: new Uint8Array(36) }];
    const kind = KNOWN_KINDS['key-schedule'];
    const record = buildRecord({ kind, timestamp: 1n, secretKey: MASTER_SECRET, tags, payload });
    expect(() => parseKeySchedule(record, TRUSTING)).toThrow('no public key');
  });

  test('another signer, another kind', () => {
    const kind = KNOWN_KINDS['key-schedule'];
    const bySub = buildRecord({ kind, timestamp: 1n, secretKey: SUB_SECRET, author: MASTER });
    const other = buildRecord({
      kind: KNOWN_KINDS.profile,
      timestamp: 1n,
      secretKey: MASTER_SECRET,
    });
    expect(() => parseKeySchedule(bySub)).toThrow(MosaicError);
    expect(() => parseKeySchedule(other)).toThrow(MosaicError);
  });

  test('a bad entry at the end is found before any signature is checked', () => {
    const payload = encodeKeyScheduleEntries([sub('activeSigning'), sub('activeSigning')]);
    payload[152] = 9;
    let verified = 0;
    const kind = KNOWN_KINDS['key-schedule'];
    const tags = [coreTag({ name: 'subkey', key: SUB })];
    const record = buildRecord({ kind, timestamp: 1n, secretKey: MASTER_SECRET, tags, payload });
    const verify = (): boolean => {
      verified += 1;
      return true;
    };
    expect(() => parseKeySchedule(record, { verify })).toThrow('unknown entry kind 9');
    expect(verified).toBe(0);
  });
});

test('arbitrary payloads are refused or read, never more', () => {
  const edits = fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), { maxLength: 4 });
  fc.assert(
    fc.property(edits, fc.nat({ max: 2 }), (list, count) => {
      const entries = Array.from({ length: count }, () => sub('activeSigning'));
      const payload = encodeKeyScheduleEntries(entries);
      for (const [at, value] of list) if (payload.length > 0) payload[at % payload.length] = value;
      try {
        const read = rawSchedule(payload);
        expect(read.entries.length).toBeLessThan(20);
      } catch (error) {
        expect(isMosaicError(error)).toBe(true);
      }
    }),
    { numRuns: 100 },
  );
});

test.each([
  () => attestSubkey(SUB_SECRET, new Uint8Array(32)),
  () => attestSubkey(new Uint8Array(31), MASTER),
  () => encodeKeyScheduleEntries([sub('revokedAll')]),
  () => encodeKeyScheduleEntries([{ marker: 'activeSigning', attestation: new Uint8Array(8) }]),
  () =>
    encodeKeyScheduleEntries([
      { marker: 'activeEncryption', encryptionKey: OTHER_SECRET.slice(1) },
    ]),
])('%o cannot be written', (encode) => {
  expect(encode).toThrow(MosaicError);
});
