/**
 * Protects the bytes between processes: what the first release wrote is read and written as ever,
 * every value survives the way, and hostile bytes end in an error.
 */
import { readFileSync } from 'node:fs';
import {
  buildFilter,
  hexDecode,
  hexEncode,
  isMosaicError,
  MosaicError,
  type ResultCode,
} from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CALL_BYTES_MAX, readCall, readReport } from './call-codec.ts';
import type { CallContext } from './contract.ts';
import {
  decodeBeat,
  decodeLive,
  decodeReached,
  decodeWithheld,
  encodeBeat,
  encodeLive,
  encodeReached,
  encodeSync,
  encodeWithheld,
} from './live-codec.ts';
import { decodeAsk, decodeTold, encodeAsk, encodeTold } from './question-codec.ts';
import {
  cutReply,
  decodeError,
  decodeKeys,
  decodePage,
  decodeResults,
  encodeError,
  encodeKeys,
  encodePage,
  encodeResults,
  replyPart,
} from './reply-codec.ts';
import {
  decodeGet,
  decodeIdentities,
  decodeQuery,
  decodeSubmit,
  encodeGet,
  encodeIdentities,
  encodeQuery,
  encodeSubmit,
} from './request-codec.ts';
import { fakeKey, fakeRecord, notifyTag } from '@mosaic-cluster/protocol/testing';
import { WIRE } from './wire.ts';

const record = fakeRecord({ timestamp: 5, tags: [notifyTag(fakeKey(3))], payloadBytes: 8 });
const other = fakeRecord({ timestamp: 4 });
const budget = { records: 64, bytes: 262_144, scanned: 4096 };
const filter = buildFilter([{ name: 'authors', keys: [fakeKey(1)] }]);
const place = { publisher: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), number: 258, index: 7 };
const beat = {
  publisher: place.publisher,
  number: 258,
  sentAt: 1_700_000_000_000_000_000n,
  startedAt: 1_600_000_000_000_000_000n,
  isRepeated: false,
  isFarewell: false,
};
const live = { role: 'inbox', record, receivedAt: 77n, readers: undefined } as const;
const privateLive = { ...live, role: 'encryption', readers: [fakeKey(3), fakeKey(4)] } as const;
const call: CallContext = {
  requestId: 'k3f9x-1a',
  trace: { traceId: '0123456789abcdef0123456789abcdef', spanId: '89abcdef01234567' },
  answered: () => {},
};
const untracedCall = { ...call, trace: undefined };
const report = { worker: 'outbox-1/17', tookMs: 12.5, steps: { verify: 0.25, append: 11 } };
const reference = { references: [record.id], reader: undefined, cursor: undefined };
const nothing = { records: [], next: undefined, below: undefined };

function sent({ requestId, trace }: CallContext): unknown {
  return { requestId, trace };
}

interface Message {
  readonly encode: () => Uint8Array;
  /** What it says, in plain values. */
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly says: unknown;
}

function json(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

/** One of each, by the names that the golden file uses. */
const MESSAGES: Readonly<Record<string, Message>> = {
  submit: {
    encode: () =>
      encodeSubmit([
        { record, submitter: fakeKey(9) },
        { record: other, submitter: undefined },
      ]),
    decode: decodeSubmit,
    says: [
      { record, submitter: fakeKey(9) },
      { record: other, submitter: undefined },
    ],
  },
  query: {
    encode: () =>
      encodeQuery({ filter, reader: fakeKey(2), cursor: Uint8Array.of(1, 2, 3), budget }),
    decode: decodeQuery,
    says: { filter, reader: fakeKey(2), cursor: Uint8Array.of(1, 2, 3), budget },
  },
  queryOfNobody: {
    encode: () => encodeQuery({ filter, reader: undefined, cursor: undefined, budget }),
    decode: decodeQuery,
    says: { filter, reader: undefined, cursor: undefined, budget },
  },
  get: {
    encode: () =>
      encodeGet({
        references: [record.id, other.address],
        reader: undefined,
        cursor: new Uint8Array(0),
        budget,
      }),
    decode: decodeGet,
    says: {
      references: [record.id, other.address],
      reader: undefined,
      cursor: new Uint8Array(0),
      budget,
    },
  },
  identities: {
    encode: () => encodeIdentities(fakeKey(2)),
    decode: decodeIdentities,
    says: fakeKey(2),
  },
  results: {
    encode: () => encodeResults([2, 3, 65]),
    decode: decodeResults,
    says: [2, 3, 65],
  },
  page: {
    encode: () =>
      encodePage({
        records: [
          { record, receivedAt: 9n },
          { record: other, receivedAt: 8n },
        ],
        next: Uint8Array.of(4, 5),
        below: other.id,
      }),
    decode: decodePage,
    says: {
      records: [
        { record, receivedAt: 9n },
        { record: other, receivedAt: 8n },
      ],
      next: Uint8Array.of(4, 5),
      below: other.id,
    },
  },
  paidPage: {
    encode: () => encodePage({ records: [], next: undefined, below: undefined, scanned: 70_000 }),
    decode: decodePage,
    says: { records: [], next: undefined, below: undefined, scanned: 70_000 },
  },
  lastPage: {
    encode: () => encodePage({ records: [], next: undefined, below: undefined }),
    decode: decodePage,
    says: { records: [], next: undefined, below: undefined },
  },
  keys: {
    encode: () => encodeKeys([fakeKey(1), fakeKey(2)]),
    decode: decodeKeys,
    says: [fakeKey(1), fakeKey(2)],
  },
  error: {
    encode: () => encodeError(new MosaicError('limited', 'too-much', 'it is too much')),
    decode: (bytes) => {
      const { kind, code, message } = decodeError(bytes);
      return { kind, code, message };
    },
    says: { kind: 'limited', code: 'too-much', message: 'it is too much' },
  },
  part: {
    encode: () => cutReply(encodeResults([2, 3, 65, 2, 2, 2]), 12).at(1) ?? new Uint8Array(0),
    decode: replyPart,
    says: { position: 1, isLast: false, bytes: Uint8Array.of(6, 0, 0, 0) },
  },
  live: {
    encode: () => encodeLive(live, place, false),
    decode: decodeLive,
    says: { ...place, isEphemeral: false, live },
  },
  livePrivate: {
    encode: () => encodeLive(privateLive, { ...place, number: 0 }, true),
    decode: decodeLive,
    says: { ...place, number: 0, isEphemeral: true, live: privateLive },
  },
  withheld: {
    encode: () => encodeWithheld(privateLive, place),
    decode: decodeWithheld,
    says: { ...place, receivedAt: 77n },
  },
  beat: { encode: () => encodeBeat(beat), decode: decodeBeat, says: beat },
  farewell: {
    encode: () => encodeBeat({ ...beat, isFarewell: true }),
    decode: decodeBeat,
    says: { ...beat, isFarewell: true },
  },
  repeatedBeat: {
    encode: () => encodeBeat({ ...beat, isRepeated: true }),
    decode: decodeBeat,
    says: { ...beat, isRepeated: true },
  },
  submitCalled: {
    encode: () => encodeSubmit([{ record: other, submitter: undefined }], call),
    decode: (bytes) => [decodeSubmit(bytes), readCall(bytes)],
    says: [[{ record: other, submitter: undefined }], sent(call)],
  },
  queryCalled: {
    encode: () => encodeQuery({ filter, reader: fakeKey(2), cursor: undefined, budget }, call),
    decode: (bytes) => [decodeQuery(bytes), readCall(bytes)],
    says: [{ filter, reader: fakeKey(2), cursor: undefined, budget }, sent(call)],
  },
  getCalled: {
    encode: () => encodeGet({ ...reference, budget }, untracedCall),
    decode: (bytes) => [decodeGet(bytes), readCall(bytes)],
    says: [{ ...reference, budget }, sent(untracedCall)],
  },
  resultsReported: {
    encode: () => encodeResults([2, 3], report),
    decode: (bytes) => [decodeResults(bytes), readReport(bytes)],
    says: [[2, 3], report],
  },
  pageReported: {
    encode: () => encodePage({ ...nothing, records: [{ record, receivedAt: 9n }] }, report),
    decode: (bytes) => [decodePage(bytes), readReport(bytes)],
    says: [{ ...nothing, records: [{ record, receivedAt: 9n }], scanned: undefined }, report],
  },
  errorReported: {
    encode: () => encodeError(new MosaicError('limited', 'too-much', 'it is too much'), report),
    decode: (bytes) => [decodeError(bytes).message, readReport(bytes)],
    says: ['it is too much', report],
  },
  sync: { encode: encodeSync, decode: (bytes) => bytes[1], says: WIRE.sync },
  reached: { encode: () => encodeReached(70_000), decode: decodeReached, says: 70_000 },
  ask: { encode: () => encodeAsk(json('{"top":20}')), decode: decodeAsk, says: json('{"top":20}') },
  told: { encode: () => encodeTold(json('{}')), decode: decodeTold, says: json('{}') },
};

function messageNamed(name: string): Message {
  const message = MESSAGES[name];
  if (message === undefined) throw new Error(`no message is called ${name}`);
  return message;
}

/** Values that compare by content, whatever views they are. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return hexEncode(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  if ('bytes' in value && !('position' in value) && !('scanned' in value))
    return plain(value.bytes);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

const GOLDEN = JSON.parse(
  readFileSync(new URL('../golden/v1.json', import.meta.url), 'utf8'),
) as Record<string, string>;

describe('messages of the first release', () => {
  it('are all there', () => {
    expect(Object.keys(MESSAGES).sort()).toEqual(Object.keys(GOLDEN).sort());
  });

  it.each(Object.entries(GOLDEN))('%s is read as ever', (name, golden) => {
    const { decode, says } = messageNamed(name);
    expect(plain(decode(hexDecode(golden)))).toEqual(plain(says));
  });

  it.each(Object.entries(GOLDEN))('%s is written as ever', (name, golden) => {
    expect(hexEncode(messageNamed(name).encode())).toBe(golden);
  });
});

describe('messages of a later minor version', () => {
  const ends = new Set(['live', 'livePrivate', 'part', 'ask', 'told']);
  const isLong = (name: string): boolean => !ends.has(name) && !/Called|Reported/.test(name);
  const names = Object.keys(MESSAGES).filter(isLong);
  it.each(names)('%s may be longer', (name) => {
    const { encode, decode, says } = messageNamed(name);
    const later = Uint8Array.from([...encode(), 1, 2, 3]);
    later[0] = 2;
    expect(plain(decode(later))).toEqual(plain(says));
  });
});

describe('what goes with requests and replies', () => {
  const names = Object.keys(MESSAGES).filter((name) => /Called|Reported/.test(name));

  it.each(names)('%s: without it, the bytes are those of the first release', (name) => {
    const bytes = messageNamed(name).encode();
    const shorter = bytes.slice(0, bytes.length - bytes[3]!);
    shorter[3] = 0;
    const [first] = plain(messageNamed(name).decode(shorter)) as unknown[];
    expect(first).toEqual((plain(messageNamed(name).says) as unknown[])[0]);
    expect(readCall(shorter)).toBeUndefined();
    expect(readReport(shorter)).toBeUndefined();
  });

  it.each(names)('%s: a later release may add in front of it', (name) => {
    const { encode, decode, says } = messageNamed(name);
    const bytes = encode();
    const at = bytes.length - bytes[3]!;
    const later = Uint8Array.from([...bytes.subarray(0, at), 1, 2, 3, ...bytes.subarray(at)]);
    expect(plain(decode(later))).toEqual(plain(says));
  });

  it('takes the steps that it knows from a release that has more of them', () => {
    const bytes = [...encodeResults([], report)];
    const stepsEnd = bytes.length - report.worker.length;
    const later = Uint8Array.from([
      ...bytes.slice(0, stepsEnd),
      9,
      9,
      9,
      9,
      ...bytes.slice(stepsEnd),
    ]);
    later[3]! += 4;
    later[8]! += 1;
    expect(readReport(later)).toEqual(report);
  });

  it('has no names that could write into a log what they like', () => {
    const bytes = encodeGet({ ...reference, budget }, { ...call, requestId: 'a\nb' });
    expect(() => readCall(bytes)).toThrow(/visible ASCII/);
  });

  it('is bounded', () => {
    const long = 'x'.repeat(1000);
    const bytes = encodeSubmit([], { ...call, requestId: long });
    expect(bytes.length - encodeSubmit([]).length).toBe(CALL_BYTES_MAX);
    expect(readReport(encodeResults([], { ...report, worker: long }))?.worker).toHaveLength(96);
  });
});

describe('hostile bytes', () => {
  it.each(Object.keys(MESSAGES))('in %s end in an error or in values, never in a crash', (name) => {
    const { encode, decode } = messageNamed(name);
    const good = encode();
    const changes = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(changes, fc.nat(good.length), (bytes, length) => {
        const bad = Uint8Array.from(good);
        for (const [at, value] of bytes) bad[at] = value;
        for (const attempt of [bad, bad.subarray(0, length)]) {
          try {
            decode(attempt);
          } catch (error) {
            if (!isMosaicError(error)) throw error;
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('ask for no more memory than they bring', () => {
    const bytes = encodeResults([2]);
    bytes.fill(0xff, 4, 8);
    expect(() => decodeResults(bytes)).toThrow(/ends at/);
    const keys = encodeKeys([fakeKey(1)]);
    keys.fill(0xff, 4, 8);
    expect(() => decodeKeys(keys)).toThrow(/ends at/);
  });
});

describe('replies', () => {
  it('are put together from parts of any size', () => {
    const results = fc.array(fc.constantFrom<ResultCode>(2, 3, 36), { maxLength: 100 });
    fc.assert(
      fc.property(results, fc.integer({ min: 9, max: 64 }), (codes, bytesMax) => {
        const reply = encodeResults(codes);
        const parts = cutReply(reply, bytesMax);
        for (const part of parts) expect(part.length).toBeLessThanOrEqual(bytesMax);
        if (parts.length === 1) {
          expect(parts[0]).toBe(reply);
          return;
        }
        const read = parts.map((part) => replyPart(part)!);
        expect(read.map(({ position }) => position)).toEqual(parts.map((_, i) => i));
        expect(read.map(({ isLast }) => isLast)).toEqual(
          parts.map((_, i) => i === parts.length - 1),
        );
        expect(Buffer.concat(read.map(({ bytes }) => bytes)).equals(reply)).toBe(true);
      }),
    );
  });

  it('carry what a role throws, and nothing of what is not for callers', () => {
    const thrown = new MosaicError('unavailable', 'index-down', 'the index is down');
    expect(() => decodePage(encodeError(thrown))).toThrow(
      expect.objectContaining({ kind: 'unavailable', code: 'index-down', message: thrown.message }),
    );
    const secret = encodeError(new Error('the secret is 42'));
    expect(Buffer.from(secret).toString('latin1')).not.toContain('42');
    expect(decodeError(secret)).toMatchObject({ kind: 'internal', code: 'role-failed' });
  });
});
