/** Cases of `messages`: parse, encode again, and who may send it. */
import {
  type Message,
  MESSAGE,
  type MessageName,
  messageName,
  messageSender,
  parseMessage,
  validateMessage,
} from '../message.ts';
import { encodeMessage } from '../message-encode.ts';
import { CaseFields, isJsonObject, VectorFailure } from './case-fields.ts';
import { expectAccept, expectBytes, expectReject, expectSame } from './expect.ts';
import { describeMessage, MESSAGE_NAMES, messageFrom } from './message-fields.ts';

/** Reserved bytes `[start, end)` that are read over and written as zero. */
const RESERVED: Readonly<Partial<Record<MessageName, readonly [number, number]>>> = {
  get: [6, 8],
  unsubscribe: [6, 8],
  submission: [4, 8],
  blobSubmission: [1, 2],
  blobGet: [1, 8],
  hello: [4, 6],
  record: [6, 8],
  locallyComplete: [6, 8],
  queryClosed: [7, 8],
  submissionResult: [5, 8],
  blobSubmissionResult: [2, 8],
  helloAck: [5, 6],
  unrecognized: [4, 8],
  closing: [2, 8],
};

/** Types whose layout the specification leaves open. */
const WITHOUT_LAYOUT: ReadonlySet<string> = new Set([
  'unknown',
  'dht_lookup',
  'dht_response',
  'hello_auth',
]);

/** A copy of the message as a writer writes it: reserved bytes zero. */
export function canonicalMessage(name: MessageName, bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const [start, end] = RESERVED[name] ?? [0, 0];
  return copy.fill(0, start, end);
}

function expectType(fields: CaseFields, bytes: Uint8Array): string {
  const typeName = fields.text('type_name');
  const type = bytes[0];
  expectSame('type', type ?? null, fields.raw('type') ?? null);
  if (type === undefined) {
    expectSame('type name', typeName, 'none');
    expectSame('direction', fields.text('direction'), 'none');
    return typeName;
  }
  if (typeName === 'unknown') expectSame('type name', messageName(type), undefined);
  else expectSame('type name', messageName(type), MESSAGE_NAMES[typeName]);
  expectSame('direction', messageSender(type) ?? 'none', fields.text('direction'));
  return typeName;
}

function expectSender(fields: CaseFields, type: number | undefined): void {
  if (!fields.has('sender')) return;
  const sender = fields.text('sender');
  const may = type === undefined ? undefined : messageSender(type);
  const isWrong = may !== 'either' && may !== sender;
  expectSame('wrong direction', isWrong, fields.boolean('wrong_direction'));
}

function parseWhole(bytes: Uint8Array): Message {
  const message = parseMessage(bytes);
  validateMessage(message);
  return message;
}

/** Compares the fields; a list of references may be given by its count alone. */
function expectFields(fields: CaseFields, message: Message): boolean {
  const want = fields.raw('fields');
  const got = describeMessage(message);
  const wanted = isJsonObject(want) ? want['references'] : undefined;
  if (isJsonObject(want) && isJsonObject(wanted)) {
    const { references } = got;
    if (!Array.isArray(references)) throw new VectorFailure('there are no references');
    const counted = { ...got, references: { count: references.length } };
    expectSame('fields', counted, want);
    return false;
  }
  expectSame('fields', got, want);
  return true;
}

/** Runs one case of the set `messages`. */
export function runMessageCase(fields: CaseFields): void {
  const bytes = fields.hex('bytes');
  const typeName = expectType(fields, bytes);
  expectSender(fields, bytes[0]);
  if (!fields.accepts()) {
    fields.skip('fields');
    const error = expectReject('message', () => parseWhole(bytes));
    const isOpen = bytes.length > 0 && WITHOUT_LAYOUT.has(typeName);
    expectSame('unrecognized', error.code === 'unrecognized', isOpen);
    return;
  }
  const message = expectAccept('message', () => parseWhole(bytes));
  expectSame('message type', MESSAGE[message.name], bytes[0]);
  const isComplete = expectFields(fields, message);
  const want = canonicalMessage(message.name, bytes);
  expectBytes('encoded message', encodeMessage(message), want);
  if (!isComplete) return;
  const rebuilt = messageFrom(message.name, new CaseFields(fields.raw('fields'), 'fields'));
  expectBytes('message encoded from the fields', encodeMessage(rebuilt), want);
}
