/** Checks of message types: those of servers, those that nobody knows, and text. */
import { concatBytes, h32, MESSAGE, writeU48 } from '@mosaic-cluster/protocol';
import { type Check, check, ensure, reading, skip, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { expectResult } from '../expect.ts';
import { OPCODE } from '../wire/frame.ts';
import { framedMessage, submissionMessage } from '../wire/requests.ts';

const TYPES = reading('Messages');
const UNRECOGNIZED = spec('Messages: Unrecognized');

/** Sends a message that makes the server end the connection; expects Closing INVALID first. */
async function expectClosing(t: CheckContext, message: Uint8Array, opcode?: number): Promise<void> {
  const conversation = await t.connect();
  conversation.websocket.sendFrame(opcode ?? OPCODE.binary, message);
  const { closing, close } = await conversation.serverClose();
  ensure(
    closing !== undefined,
    `the connection ended (${close.code ?? 'no code'}) without Closing`,
  );
  expectResult(closing, 'INVALID', 'the Closing message');
  ensure(close.code !== undefined, 'the connection ended without a close frame');
}

/** Sends a message of an unknown type; expects Unrecognized and a connection that goes on. */
async function expectUnrecognized(t: CheckContext, messages: readonly Uint8Array[]): Promise<void> {
  const conversation = await t.connect();
  for (const message of messages) {
    const before = conversation.unrecognized;
    conversation.send(message);
    await conversation.until(`Unrecognized for type 0x${message[0]!.toString(16)}`, () => {
      if (conversation.servesBlobs) skip('this server serves BLOBs');
      return conversation.unrecognized > before ? true : undefined;
    });
  }
  await conversation.sentinel();
  const { unrecognized } = conversation;
  ensure(
    unrecognized === messages.length,
    `${unrecognized} Unrecognized for ${messages.length} messages`,
  );
}

function ofTypes(types: readonly number[]): Uint8Array[] {
  return types.map((type) => framedMessage(type, [0, 0]));
}

const SERVER_TYPES: readonly (readonly [string, number])[] = [
  ['record', MESSAGE.record],
  ['locally-complete', MESSAGE.locallyComplete],
  ['query-closed', MESSAGE.queryClosed],
  ['submission-result', MESSAGE.submissionResult],
  ['dht-response', MESSAGE.dhtResponse],
  ['blob-submission-result', MESSAGE.blobSubmissionResult],
  ['blob-result', MESSAGE.blobResult],
  ['hello-ack', MESSAGE.helloAck],
  ['closing', MESSAGE.closing],
];

const violations: readonly Check[] = [
  ...SERVER_TYPES.map(([name, type]) =>
    check(
      `framing/server-type-${name}`,
      TYPES,
      `a client that sends type 0x${type.toString(16)}, which only servers send, gets Closing INVALID`,
      async (t) => expectClosing(t, framedMessage(type, [0, 0])),
    ),
  ),
  check(
    'framing/text',
    spec('WebSockets: Binary'),
    'a text message gets Closing INVALID',
    async (t) => {
      await expectClosing(t, Buffer.from('{"hello":"there"}'), OPCODE.text);
    },
  ),
  check(
    'framing/nothing-after-closing',
    TYPES,
    'Closing is the last message: what the client sent behind its violation is not answered',
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.user());
      conversation.send(framedMessage(MESSAGE.closing, [0, 0]));
      conversation.send(submissionMessage(record.bytes));
      const { closing } = await conversation.serverClose();
      ensure(closing !== undefined, 'the connection ended without Closing');
      // Messages behind Closing are faults of every conversation.
    },
  ),
];

const unknown: readonly Check[] = [
  check(
    'framing/unknown-client-types',
    UNRECOGNIZED,
    'unknown types below 0x80 get Unrecognized, and the connection goes on',
    async (t) => expectUnrecognized(t, ofTypes([0x00, 0x09, 0x0f, 0x12, 0x20, 0x40, 0x7f])),
  ),
  check(
    'framing/unknown-high-types',
    reading('Messages: Unrecognized'),
    'unknown types from 0x80 on get Unrecognized, and the connection goes on',
    async (t) => {
      await expectUnrecognized(t, ofTypes([0x87, 0x8f, 0x91, 0xa0, 0xef, 0xf1, 0xfd, 0xff]));
    },
  ),
  check(
    'framing/unknown-short',
    reading('Messages: Unrecognized'),
    'an unknown type is Unrecognized however short or wrongly framed the message is',
    async (t) => {
      const wrongLength = framedMessage(0x20, [0, 0], new Uint8Array(8), 3);
      await expectUnrecognized(t, [Uint8Array.of(0x20), Uint8Array.of(0x20, 1, 2), wrongLength]);
    },
  ),
  check(
    'framing/unrecognized-ignored',
    UNRECOGNIZED,
    'Unrecognized from a client is not answered',
    async (t) => {
      const conversation = await t.connect();
      conversation.send(framedMessage(MESSAGE.unrecognized, [0, 0]));
      conversation.send(Uint8Array.of(MESSAGE.unrecognized));
      await conversation.sentinel();
      ensure(conversation.unrecognized === 0, 'it was answered with Unrecognized');
    },
  ),
  check(
    'framing/hello',
    spec('Messages: Hello'),
    'Hello and Hello Auth are Unrecognized',
    async (t) => {
      await expectUnrecognized(t, ofTypes([MESSAGE.hello, MESSAGE.helloAuth]));
    },
  ),
  check(
    'framing/dht-lookup',
    spec('Messages: DHT Lookup'),
    'DHT Lookup is Unrecognized',
    async (t) => {
      await expectUnrecognized(t, ofTypes([MESSAGE.dhtLookup]));
    },
  ),
  check(
    'framing/blob',
    reading('Messages: BLOB Get'),
    'a server without BLOBs answers their messages with Unrecognized',
    async (t) => {
      const blob = new TextEncoder().encode('a BLOB');
      const head = new Uint8Array(8);
      head[0] = MESSAGE.blobSubmission;
      writeU48(head, 2, blob.length);
      const submission = concatBytes(head, h32(blob), blob);
      const get = concatBytes(Uint8Array.of(MESSAGE.blobGet, 0, 0, 0, 0, 0, 0, 0), h32(blob));
      await expectUnrecognized(t, [submission, get]);
    },
  ),
];

const queryIds: readonly Check[] = [
  check(
    'framing/query-id-echo',
    spec('Messages: Query Closed'),
    'a query id is echoed as it was sent, whatever its two bytes',
    async (t) => {
      const conversation = await t.connect();
      for (const queryId of [0x0000, 0xffff, 0x1234, 0x8000, 0x00ff]) {
        const exchange = conversation.expect(queryId);
        conversation.send(framedMessage(MESSAGE.get, [queryId, 0], new Uint8Array(48)));
        expectResult(await conversation.closed(exchange), 'NOT_FOUND', `a Get with id ${queryId}`);
      }
    },
  ),
];

/** Checks of message types. */
export const typeChecks: readonly Check[] = [...violations, ...unknown, ...queryIds];
