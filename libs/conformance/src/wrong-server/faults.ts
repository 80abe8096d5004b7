/** The wrong servers: each breaks one rule, in a way in which real servers are wrong. */
import {
  encodeMessage,
  encodeRecordMessage,
  hexEncode,
  isMosaicError,
  kindFaultAt,
  MESSAGE,
  type Message,
  parseMessage,
  readU16,
  RECORD_AT,
  RecordView,
  RESULT,
  writeU16,
  writeU64BE,
} from '@mosaic-cluster/protocol';
import { framedMessage } from '../wire/requests.ts';
import type { Corruption, Fault } from './fault.ts';

function read(bytes: Uint8Array): Message | undefined {
  try {
    return parseMessage(bytes);
  } catch (error) {
    if (isMosaicError(error)) return undefined;
    throw error;
  }
}

/** Whether a record's kind is one that a server accepts. */
function isOfKind({ bytes }: RecordView): boolean {
  return kindFaultAt(bytes, RECORD_AT.kind) === undefined;
}

function edited(bytes: Uint8Array, edit: (copy: Uint8Array) => void): Uint8Array {
  const copy = Uint8Array.from(bytes);
  edit(copy);
  return copy;
}

/** Gives the records of closed requests that the server itself would not give. */
function alsoServing(remembers: (record: RecordView) => boolean): Fault['corrupt'] {
  const remembered: RecordView[] = [];
  return () => {
    const wanted = new Map<number, (record: RecordView) => boolean>();
    return {
      request: (bytes) => {
        const message = read(bytes);
        const isSubmission = message?.name === 'submission';
        if (isSubmission && isOfKind(message.record) && remembers(message.record)) {
          remembered.push(message.record.copy());
        }
        if (message?.name === 'get') {
          const { references } = message;
          const texts = new Set(references.map(hexEncode));
          wanted.set(message.queryId, ({ id }) => texts.has(hexEncode(id)));
        }
        return bytes;
      },
      answer: (bytes) => {
        const message = read(bytes);
        if (message?.name !== 'queryClosed') return [bytes];
        const extra = remembered.filter(wanted.get(message.queryId) ?? (() => false));
        wanted.delete(message.queryId);
        if (extra.length === 0) return [bytes];
        const records = extra.map((record) => encodeRecordMessage(message.queryId, record.bytes));
        return [...records, encodeMessage({ ...message, result: RESULT.SUCCESS })];
      },
    };
  };
}

/** Tells stored records from live ones, by subscription. */
function perSubscription(
  live: (place: number, bytes: Uint8Array) => readonly Uint8Array[],
): Fault['corrupt'] {
  return () => {
    const counts = new Map<number, number>();
    return {
      answer: (bytes) => {
        const queryId = bytes.length < 6 ? 0 : readU16(bytes, 4);
        if (bytes[0] === MESSAGE.locallyComplete) counts.set(queryId, 0);
        if (bytes[0] === MESSAGE.queryClosed) counts.delete(queryId);
        const count = counts.get(queryId);
        if (bytes[0] !== MESSAGE.record || count === undefined) return [bytes];
        counts.set(queryId, count + 1);
        return live(count, bytes);
      },
    };
  };
}

/** The first two records of each answer change places. */
function reordered(): Corruption {
  const held = new Map<number, Uint8Array | 'passed'>();
  return {
    answer: (bytes) => {
      if (bytes[0] === MESSAGE.closing || bytes.length < 6) return [bytes];
      const queryId = readU16(bytes, 4);
      const first = held.get(queryId);
      if (bytes[0] === MESSAGE.record) {
        if (first === 'passed') return [bytes];
        held.set(queryId, first === undefined ? Uint8Array.from(bytes) : 'passed');
        return first === undefined ? [] : [bytes, first];
      }
      const isEnd = bytes[0] === MESSAGE.queryClosed || bytes[0] === MESSAGE.locallyComplete;
      if (!isEnd) return [bytes];
      held.set(queryId, 'passed');
      if (bytes[0] === MESSAGE.queryClosed) held.delete(queryId);
      return first === undefined || first === 'passed' ? [bytes] : [first, bytes];
    },
  };
}

/** The last stored record comes again as the first live one. */
function repeatedAtSeam(): Corruption {
  const last = new Map<number, Uint8Array>();
  return {
    answer: (bytes) => {
      if (bytes.length < 6) return [bytes];
      const queryId = readU16(bytes, 4);
      if (bytes[0] === MESSAGE.record) last.set(queryId, Uint8Array.from(bytes));
      if (bytes[0] === MESSAGE.queryClosed) last.delete(queryId);
      const record = last.get(queryId);
      if (bytes[0] !== MESSAGE.locallyComplete || record === undefined) return [bytes];
      return [bytes, record];
    },
  };
}

function emptyGetIsSuccess(): Corruption {
  const empty = new Set<number>();
  return {
    request: (bytes) => {
      const message = read(bytes);
      if (message?.name === 'get' && message.references.length === 0) empty.add(message.queryId);
      return bytes;
    },
    answer: (bytes) => {
      const message = read(bytes);
      if (message?.name !== 'queryClosed' || !empty.delete(message.queryId)) return [bytes];
      return [encodeMessage({ ...message, result: RESULT.SUCCESS })];
    },
  };
}

/** Turns every `until` of a filter into the nanosecond before. */
function untilExclusive(): Corruption {
  return {
    request: (bytes) => {
      const message = read(bytes);
      if (message?.name !== 'query' && message?.name !== 'subscribe') return bytes;
      const until = message.filter.element('until');
      const timestamp = until === undefined ? 0n : Buffer.from(until.entries[0]!).readBigUInt64BE();
      if (until === undefined || timestamp === 0n) return bytes;
      return edited(bytes, (copy) => writeU64BE(copy, 8 + until.start, timestamp - 1n));
    },
  };
}

function recordEdited(edit: (record: RecordView) => void): Fault['corrupt'] {
  return () => ({
    answer: (bytes) => {
      if (bytes[0] !== MESSAGE.record) return [bytes];
      return [edited(bytes, (copy) => edit(new RecordView(copy.subarray(8))))];
    },
  });
}

/** All faults. */
export const faults: readonly Fault[] = [
  {
    name: 'extensions-echoed',
    title: 'claims to support every extension that it is asked for',
    head: (answer, request) => {
      const asked = /^x-mos(?:ai|ia)c-extensions: *(.*)\r$/im.exec(request)?.[1];
      return asked === undefined
        ? answer
        : answer.replace(/^(x-mosaic-extensions: *)-/im, `$1${asked}`);
    },
    corrupt: () => ({}),
  },
  {
    name: 'results-reordered',
    title: 'gives the two newest records in the wrong order',
    corrupt: reordered,
  },
  {
    name: 'locally-complete-dropped',
    title: 'never says Locally Complete',
    corrupt: () => ({
      answer: (bytes) => (bytes[0] === MESSAGE.locallyComplete ? [] : [bytes]),
    }),
  },
  {
    name: 'duplicate-accepted',
    title: 'answers ACCEPTED for records that it holds already',
    corrupt: () => ({
      answer: (bytes) => {
        const isDuplicate = bytes[0] === MESSAGE.submissionResult && bytes[4] === RESULT.DUPLICATE;
        return [isDuplicate ? edited(bytes, (copy) => copy.fill(RESULT.ACCEPTED, 4, 5)) : bytes];
      },
    }),
  },
  {
    name: 'ephemeral-kept',
    title: 'keeps ephemeral records and serves them to who knows their ID',
    corrupt: alsoServing((record) => record.duplicateHandling === 'ephemeral'),
  },
  {
    name: 'private-leaked',
    title: 'serves private records to everybody who knows their ID',
    corrupt: alsoServing((record) => record.audience !== 'everybody'),
  },
  {
    name: 'query-id-truncated',
    title: 'echoes the first byte of a query id only',
    corrupt: () => ({
      answer: (bytes) => {
        const isAddressed = bytes[0]! >= MESSAGE.record && bytes[0]! <= MESSAGE.queryClosed;
        return [isAddressed ? edited(bytes, (copy) => copy.fill(0, 5, 6)) : bytes];
      },
    }),
  },
  {
    name: 'limit-ignored',
    title: 'gives all that matches, whatever the limit',
    corrupt: () => ({
      request: (bytes) => {
        const hasLimit = bytes[0] === MESSAGE.query || bytes[0] === MESSAGE.subscribe;
        const isWhole = hasLimit && bytes.length >= 8;
        return isWhole ? edited(bytes, (copy) => writeU16(copy, 6, 0)) : bytes;
      },
    }),
  },
  {
    name: 'empty-get-success',
    title: 'closes a Get of nothing with SUCCESS',
    corrupt: emptyGetIsSuccess,
  },
  {
    name: 'live-record-swallowed',
    title: 'loses the fourth live record of each subscription',
    corrupt: perSubscription((place, bytes) => (place === 3 ? [] : [bytes])),
  },
  {
    name: 'seam-repeated',
    title: 'gives the last stored record again after Locally Complete',
    corrupt: repeatedAtSeam,
  },
  {
    name: 'padding-cleaned',
    title: 'gives records back with their padding set to zero',
    corrupt: recordEdited((record) => {
      record.bytes.fill(0, record.tagsEnd, 152 + Math.ceil(record.tagsLength / 8) * 8);
      record.bytes.fill(
        0,
        record.signedEnd - ((8 - (record.payloadLength % 8)) % 8),
        record.signedEnd,
      );
    }),
  },
  {
    name: 'closing-dropped',
    title: 'ends connections without a Closing message',
    corrupt: () => ({ answer: (bytes) => (bytes[0] === MESSAGE.closing ? [] : [bytes]) }),
  },
  {
    name: 'until-exclusive',
    title: 'takes Until for "before" instead of "until"',
    corrupt: untilExclusive,
  },
  {
    name: 'unsubscribe-ignored',
    title: 'confirms an Unsubscribe and goes on sending',
    corrupt: unsubscribeIgnored,
  },
];

/** Turns an Unsubscribe into one for another query id, and confirms it under its own. */
function unsubscribeIgnored(): Corruption {
  const open = new Set<number>();
  const asked: number[] = [];
  const OTHER = 0x7777;
  return {
    request: (bytes) => {
      if (bytes.length < 6) return bytes;
      const queryId = readU16(bytes, 4);
      if (bytes[0] === MESSAGE.subscribe) open.add(queryId);
      if (bytes[0] !== MESSAGE.unsubscribe || !open.delete(queryId)) return bytes;
      asked.push(queryId);
      return framedMessage(MESSAGE.unsubscribe, [OTHER, 0]);
    },
    answer: (bytes) => {
      const message = read(bytes);
      if (message?.name !== 'queryClosed') return [bytes];
      if (message.queryId !== OTHER) {
        open.delete(message.queryId);
        return [bytes];
      }
      const queryId = asked.shift();
      if (queryId === undefined) return [bytes];
      return [encodeMessage({ name: 'queryClosed', queryId, result: RESULT.SUCCESS })];
    },
  };
}
