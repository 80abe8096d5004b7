/**
 * What a message between client and server says.
 */
import {
  hexEncode,
  type Message,
  MESSAGE_HEAD_BYTES,
  type MessageName,
  messageName,
  messageSender,
  parseMessage,
  validateMessage,
} from '@mosaic-cluster/protocol';
import { showContent, showHex, showReference, showResult } from './display-value.ts';
import { inspectFilter } from './inspect-filter.ts';
import { inspectRecord } from './inspect-record.ts';
import { errorOf } from './record-checks.ts';
import { faultOf, type Field, type Group, type Report, report, span } from './report.ts';

/** Looks into a message. @param all whether long contents are shown whole */
export function inspectMessage(bytes: Uint8Array, all: boolean): Report {
  let message: Message | undefined;
  const error = errorOf(() => {
    message = parseMessage(bytes);
    validateMessage(message);
  });
  const fields = typeFields(bytes);
  if (message === undefined) {
    const nested = error?.code === 'record' ? nestedRecord(bytes, all) : [];
    return report('message', { fields, nested, fault: error && faultOf(error) });
  }
  const { name } = message;
  const hasRecord = name === 'record' || name === 'submission';
  const nested = hasRecord
    ? nestedRecord(bytes, all)
    : 'filter' in message
      ? [{ name: 'filter', report: inspectFilter(message.filter.bytes, MESSAGE_HEAD_BYTES) }]
      : [];
  const nestedFault = nested.map(({ report: inner }) => inner.fault).find(Boolean);
  return report('message', {
    fields: [...fields, ...contentFields(message, bytes, all)],
    groups: groupsOf(message),
    nested,
    fault: (error && faultOf(error)) ?? nestedFault,
  });
}

function nestedRecord(bytes: Uint8Array, all: boolean): Report['nested'] {
  const record = bytes.subarray(MESSAGE_HEAD_BYTES);
  return [{ name: 'record', report: inspectRecord(record, MESSAGE_HEAD_BYTES, all) }];
}

function typeFields(bytes: Uint8Array): Field[] {
  const type = bytes[0];
  if (type === undefined) return [];
  const name = messageName(type) ?? null;
  const sender = messageSender(type) ?? null;
  const from = sender === 'either' ? 'from either side' : `from the ${sender}`;
  const words = name?.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  const hex = `0x${type.toString(16).padStart(2, '0')}`;
  return [
    {
      name: 'type',
      label: 'type',
      range: span(0, 1),
      value: { code: type, name, sender },
      lines: [name === null ? `${hex}, not registered` : `${words} (${hex}), ${from}`],
    },
  ];
}

const RESULT_AT: Readonly<Partial<Record<MessageName, number>>> = {
  queryClosed: 6,
  submissionResult: 4,
  helloAck: 4,
  closing: 1,
  blobSubmissionResult: 1,
  blobResult: 1,
};

function contentFields(message: Message, bytes: Uint8Array, all: boolean): Field[] {
  const fields: Field[] = [];
  const add = (name: string, label: string, start: number, end: number, shown: Shown): void => {
    fields.push({ name, label, range: span(start, end), ...shown });
  };
  const number = (value: number, text = String(value)): Shown => ({ value, lines: [text] });
  if ('queryId' in message) add('queryId', 'query id', 4, 6, showHex(bytes.subarray(4, 6)));
  if ('limit' in message) {
    const { limit } = message;
    add('limit', 'limit', 6, 8, number(limit, limit === 0 ? '0 (no limit)' : String(limit)));
  }
  if ('result' in message) {
    const at = RESULT_AT[message.name] ?? 0;
    add('result', 'result', at, at + 1, showResult(message.result));
  }
  if ('idPrefix' in message) add('idPrefix', 'ID starts with', 8, 40, showHex(message.idPrefix));
  if ('majorVersion' in message) {
    add('majorVersion', 'major version', 6, 8, number(message.majorVersion));
    const ids = message.applicationIds;
    const lines = [ids.length === 0 ? '(none)' : ids.join(', ')];
    add('applicationIds', 'applications', 8, bytes.length, { value: [...ids], lines });
  }
  if ('hash' in message) add('hash', 'hash', 8, 40, showHex(message.hash));
  if ('blob' in message) add('blob', 'data', 40, bytes.length, showContent(message.blob, all));
  return fields;
}

type Shown = Pick<Field, 'value' | 'lines'>;

function groupsOf(message: Message): Group[] {
  if (message.name !== 'get') return [];
  const items = message.references.map((reference, i): Field => {
    const start = MESSAGE_HEAD_BYTES + 48 * i;
    const { lines } = showReference(reference);
    return {
      name: 'reference',
      label: `reference ${i + 1}`,
      range: span(start, start + 48),
      value: hexEncode(reference),
      lines,
    };
  });
  return [{ name: 'references', label: 'references', items }];
}
