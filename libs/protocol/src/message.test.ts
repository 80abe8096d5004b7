/** Messages: every one to bytes and back, and hostile bytes that may only be refused. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equalBytes, hexDecode } from './bytes.ts';
import { isMosaicError, MosaicError } from './error.ts';
import { buildFilter } from './filter-build.ts';
import { h32 } from './hash.ts';
import {
  type Message,
  MESSAGE,
  messageAddress,
  messageName,
  messageSender,
  parseMessage,
  validateMessage,
} from './message.ts';
import {
  encodeClosing,
  encodeMessage,
  encodeRecordMessage,
  encodeSubmission,
  encodeSubmissionResult,
  writeRecordHead,
} from './message-encode.ts';
import { buildRecord } from './record-build.ts';
import { isRetryable, isSuccess, RESULT, resultName } from './result-code.ts';
import { bytesOf, filterElement, recordInput } from '../testing/arbitraries.ts';

const queryId = fc.nat({ max: 0xffff });
const result = fc.nat({ max: 0xff });
const u32 = fc.nat({ max: 0xffff_ffff });
const blob = fc.uint8Array({ maxLength: 60 }).map((data) => ({ blob: data, hash: h32(data) }));
const record = recordInput.map((input) => buildRecord(input, { sign: () => new Uint8Array(64) }));
const filter = fc
  .array(filterElement(bytesOf(32).map((b) => b.map((byte) => byte & 0x7f))))
  .map(buildFilter);

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ name: fc.constant('get'), queryId, references: fc.array(bytesOf(48)) }),
  fc.record({ name: fc.constantFrom('query', 'subscribe'), queryId, limit: queryId, filter }),
  fc.record({ name: fc.constantFrom('unsubscribe', 'locallyComplete'), queryId }),
  fc.record({ name: fc.constant('submission'), record }),
  fc.record({ name: fc.constant('record'), queryId, record }),
  fc.record({ name: fc.constant('queryClosed'), queryId, result }),
  fc.record({ name: fc.constant('submissionResult'), result, idPrefix: bytesOf(32) }),
  fc.record({ name: fc.constant('closing'), result }),
  fc.record({ name: fc.constant('unrecognized') }),
  fc.record({ name: fc.constant('hello'), majorVersion: queryId, applicationIds: fc.array(u32) }),
  fc.record({
    name: fc.constant('helloAck'),
    result,
    majorVersion: queryId,
    applicationIds: fc.array(u32),
  }),
  blob.map((fields) => ({ name: 'blobSubmission', ...fields })),
  blob.map((fields) => ({ name: 'blobResult', result: 1, ...fields })),
  fc.record({ name: fc.constant('blobGet'), hash: bytesOf(32) }),
  fc.record({ name: fc.constant('blobSubmissionResult'), result, hash: bytesOf(32) }),
) as fc.Arbitrary<Message>;

describe('round trips', () => {
  test('every message, to bytes and back', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(message, (sent) => {
        const bytes = encodeMessage(sent);
        const got = parseMessage(bytes);
        seen.add(got.name);
        expect(equalBytes(encodeMessage(got), bytes)).toBe(true);
        expect(bytes[0]).toBe(MESSAGE[sent.name]);
        for (const [field, value] of Object.entries(sent) as [string, unknown][]) {
          if (field === 'record' || field === 'filter') continue;
          expect((got as unknown as Record<string, unknown>)[field]).toEqual(value);
        }
        if ('record' in sent && 'record' in got) {
          expect(equalBytes(got.record.bytes, sent.record.bytes)).toBe(true);
        }
      }),
      { numRuns: 400, seed: 3 },
    );
    expect(seen.size).toBe(17);
  });

  test('cut, lengthened or changed, a message is refused or read, never more', () => {
    const edits = fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), { maxLength: 3 });
    fc.assert(
      fc.property(message, edits, fc.integer({ min: -9, max: 9 }), (sent, list, more) => {
        const whole = encodeMessage(sent);
        const bytes = new Uint8Array(Math.max(0, whole.length + more));
        bytes.set(whole.subarray(0, bytes.length));
        for (const [at, value] of list) if (bytes.length > 0) bytes[at % bytes.length] = value;
        messageAddress(bytes);
        try {
          encodeMessage(parseMessage(bytes));
          expect(bytes[0] === MESSAGE.closing || more === 0 || list.length > 0).toBe(true);
        } catch (error) {
          expect(isMosaicError(error)).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('a record head written alone is that of the whole message', () => {
    const bytes = new Uint8Array(500).fill(0xff);
    writeRecordHead(bytes, 4, 0x0201, 300);
    expect(bytes.subarray(4, 12)).toEqual(
      encodeRecordMessage(0x0201, new Uint8Array(300)).subarray(0, 8),
    );
    expect(encodeRecordMessage(0x0201, new Uint8Array(300)).subarray(0, 6)).toEqual(
      Uint8Array.of(0x80, 0x34, 0x01, 0x00, 0x01, 0x02),
    );
  });
});

describe('what does not fit a field', () => {
  const get = (id: number): Message => ({ name: 'get', queryId: id, references: [] });
  const empty = buildFilter([]);

  test.each([
    () => encodeMessage(get(65_536)),
    () => encodeMessage(get(-1)),
    () => encodeMessage(get(0.5)),
    () => encodeMessage({ name: 'get', queryId: 1, references: [new Uint8Array(47)] }),
    () => encodeMessage({ name: 'query', queryId: 1, limit: 65_536, filter: empty }),
    () => encodeMessage({ name: 'queryClosed', queryId: 1, result: 256 }),
    () => encodeMessage({ name: 'hello', majorVersion: 65_536, applicationIds: [] }),
    () => encodeMessage({ name: 'hello', majorVersion: 1, applicationIds: [2 ** 32] }),
    () => encodeMessage({ name: 'blobGet', hash: new Uint8Array(31) }),
    () => encodeClosing(-1),
    () => encodeSubmissionResult(1, new Uint8Array(31)),
    () => encodeSubmissionResult(300, new Uint8Array(32)),
    () => encodeSubmission(new Uint8Array(2 ** 24)),
    () => encodeMessage({ name: 'dhtLookup' } as unknown as Message),
  ])('%o is refused', (encode) => {
    expect(encode).toThrow(MosaicError);
  });
});

describe('types', () => {
  test('who sends what', () => {
    const senders = Object.values(MESSAGE).map((type) => [messageName(type), messageSender(type)]);
    expect(Object.fromEntries(senders)).toMatchObject({
      get: 'client',
      helloAuth: 'client',
      record: 'server',
      helloAck: 'server',
      closing: 'server',
      unrecognized: 'either',
    });
    expect(messageSender(0x20)).toBeUndefined();
    expect(messageSender(0x8f)).toBeUndefined();
  });

  test('every byte is a type with a layout, or unrecognized', () => {
    for (let type = 0; type < 256; type++) {
      try {
        parseMessage(Uint8Array.of(type, 8, 0, 0, 0, 0, 0, 0));
      } catch (error) {
        if (!isMosaicError(error)) throw error;
        const isOpen = messageName(type) === undefined || [0x06, 0x11, 0x84].includes(type);
        expect(error.code === 'unrecognized').toBe(isOpen);
      }
    }
  });

  test('an answer is addressed as far as the bytes reach', () => {
    expect(messageAddress(hexDecode('010000000102'))).toEqual({ name: 'query', queryId: 0x0201 });
    expect(messageAddress(hexDecode('0100000001'))).toBeUndefined();
    const submission = Uint8Array.from({ length: 40 }, (_, i) => (i === 0 ? 5 : i));
    const idPrefix = submission.subarray(8, 40);
    expect(messageAddress(submission)).toEqual({ name: 'submission', idPrefix });
    expect(messageAddress(submission.subarray(0, 39))).toBeUndefined();
    expect(messageAddress(new Uint8Array(0))).toBeUndefined();
    expect(messageAddress(hexDecode('8008000001020000'))).toBeUndefined();
  });

  test('the errors of a part count from the message', () => {
    const bytes = Uint8Array.of(
      2,
      24,
      0,
      0,
      1,
      0,
      0,
      0,
      16,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      6,
      1,
      0,
      0,
      0,
      0,
      0,
      0,
    );
    expect(() => parseMessage(bytes)).toThrow(
      expect.objectContaining({ code: 'filter', range: { start: 16, end: 24 } }),
    );
  });
});

describe('validation', () => {
  test('a BLOB is what its hash says', () => {
    const data = Uint8Array.of(1, 2, 3);
    validateMessage({ name: 'blobSubmission', hash: h32(data), blob: data });
    expect(() =>
      validateMessage({ name: 'blobSubmission', hash: new Uint8Array(32), blob: data }),
    ).toThrow(MosaicError);
    validateMessage({
      name: 'blobResult',
      result: 16,
      hash: new Uint8Array(32),
      blob: new Uint8Array(0),
    });
  });
});

test('result codes', () => {
  expect(resultName(37)).toBe('TOO_OPEN');
  expect(resultName(0)).toBeUndefined();
  const codes = Object.values(RESULT);
  expect(codes.filter(isSuccess)).toEqual([1, 2, 3, 4]);
  expect(codes.filter(isRetryable)).toEqual([39, 64, 65]);
});
