/**
 * Checks of messages that are malformed: INVALID where an answer can be addressed, and the
 * connection goes on; Closing INVALID where it cannot.
 */
import { buildFilter, concatBytes, MESSAGE, writeU24 } from '@mosaic-cluster/protocol';
import { type Check, check, ensure, reading } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import type { Conversation } from '../conversation.ts';
import { expectResult } from '../expect.ts';
import {
  framedMessage,
  getMessage,
  queryMessage,
  submissionMessage,
  subscribeMessage,
  unsubscribeMessage,
} from '../wire/requests.ts';

const FRAMING = reading('Messages');

/** Sends a malformed request; expects Query Closed INVALID for its query id, and nothing worse. */
async function expectQueryInvalid(
  conversation: Conversation,
  make: (queryId: number) => Uint8Array,
): Promise<void> {
  const exchange = conversation.expect(conversation.newQueryId());
  conversation.send(make(exchange.queryId));
  expectResult(await conversation.closed(exchange), 'INVALID', 'the malformed request');
  ensure(exchange.records.length === 0, 'records came for it');
}

/** Sends a malformed Submission; expects INVALID for its ID prefix, and nothing worse. */
async function expectSubmissionInvalid(
  conversation: Conversation,
  message: Uint8Array,
): Promise<void> {
  conversation.send(message);
  const result = await conversation.submissionResult(message.subarray(8, 40));
  expectResult(result, 'INVALID', 'the malformed Submission');
}

/** Sends what cannot be answered; expects Closing INVALID and the end. */
async function expectClosing(t: CheckContext, message: Uint8Array): Promise<void> {
  const conversation = await t.connect();
  conversation.send(message);
  const { closing, close } = await conversation.serverClose();
  ensure(
    closing !== undefined,
    `the connection ended (${close.code ?? 'no code'}) without Closing`,
  );
  expectResult(closing, 'INVALID', 'the Closing message');
}

/** Requests of each type, well formed. */
function requests(t: CheckContext): Record<string, (queryId: number) => Uint8Array> {
  const filter = t.filter();
  return {
    get: (queryId) => getMessage(queryId, new Uint8Array(48)),
    query: (queryId) => queryMessage(queryId, 0, filter),
    subscribe: (queryId) => subscribeMessage(queryId, 0, filter),
    unsubscribe: (queryId) => unsubscribeMessage(queryId),
  };
}

function withLength(message: Uint8Array, length: number): Uint8Array {
  const bytes = message.slice();
  writeU24(bytes, 1, length);
  return bytes;
}

/** Lengths that are not the message's own. */
function wrongLengths(length: number): number[] {
  return [length - 1, length + 1, 0, 8 + length, 0xff_ffff];
}

const wrongLength: readonly Check[] = [
  ...['get', 'query', 'subscribe', 'unsubscribe'].map((type) =>
    check(
      `framing/wrong-length-${type}`,
      FRAMING,
      `a length that is not the message's own is INVALID (${type})`,
      async (t) => {
        const conversation = await t.connect();
        const make = requests(t)[type]!;
        for (const length of wrongLengths(make(0).length)) {
          await expectQueryInvalid(conversation, (queryId) => withLength(make(queryId), length));
        }
        await conversation.sentinel();
      },
    ),
  ),
  check(
    'framing/wrong-length-submission',
    FRAMING,
    "a length that is not the message's own is INVALID, for a valid record too",
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.user());
      const message = submissionMessage(record.bytes);
      for (const length of wrongLengths(message.length)) {
        await expectSubmissionInvalid(conversation, withLength(message, length));
      }
      const { result } = await conversation.get(record.id);
      expectResult(result, 'NOT_FOUND', 'getting the refused record');
    },
  ),
];

const tooShort: readonly Check[] = [
  ...['get', 'query', 'subscribe', 'unsubscribe'].map((type) =>
    check(
      `framing/short-${type}`,
      FRAMING,
      `a ${type} message of 6 or 7 bytes is INVALID for its query id`,
      async (t) => {
        const conversation = await t.connect();
        const make = requests(t)[type]!;
        for (const length of [6, 7]) {
          await expectQueryInvalid(conversation, (queryId) =>
            withLength(make(queryId).subarray(0, length), length),
          );
        }
        await conversation.sentinel();
      },
    ),
  ),
  ...['get', 'query', 'subscribe', 'unsubscribe'].map((type) =>
    check(
      `framing/unaddressable-${type}`,
      FRAMING,
      `a ${type} message too short for a query id gets Closing INVALID`,
      async (t) => {
        for (const length of [1, 5]) {
          await expectClosing(
            t,
            withLength(requests(t)[type]!(1).slice(0, 8), length).slice(0, length),
          );
        }
      },
    ),
  ),
  check(
    'framing/short-submission',
    FRAMING,
    'a Submission of 40 bytes, or cut anywhere behind the ID prefix, is INVALID',
    async (t) => {
      const conversation = await t.connect();
      const message = submissionMessage(t.record(t.user()).bytes);
      for (const length of [40, 100, 159, 160, message.length - 8]) {
        const cut = withLength(message.subarray(0, length), length);
        await expectSubmissionInvalid(conversation, cut);
      }
      await conversation.sentinel();
    },
  ),
  check(
    'framing/unaddressable-submission',
    FRAMING,
    'a Submission too short for an ID prefix gets Closing INVALID',
    async (t) => {
      const message = submissionMessage(t.record(t.user()).bytes);
      for (const length of [8, 39]) {
        await expectClosing(t, withLength(message.subarray(0, length), length));
      }
    },
  ),
  check('framing/empty', FRAMING, 'an empty message gets Closing INVALID', async (t) => {
    await expectClosing(t, new Uint8Array(0));
  }),
];

const wrongShape: readonly Check[] = [
  check(
    'framing/partial-reference',
    FRAMING,
    'a Get whose references are not 48 bytes each is INVALID',
    async (t) => {
      const conversation = await t.connect();
      for (const length of [1, 8, 40, 47, 49, 95]) {
        await expectQueryInvalid(conversation, (queryId) =>
          getMessage(queryId, new Uint8Array(length)),
        );
      }
      await conversation.sentinel();
    },
  ),
  check('framing/long-unsubscribe', FRAMING, 'an Unsubscribe of 16 bytes is INVALID', async (t) => {
    const conversation = await t.connect();
    await expectQueryInvalid(conversation, (queryId) =>
      framedMessage(MESSAGE.unsubscribe, [queryId, 0], new Uint8Array(8)),
    );
    await conversation.sentinel();
  }),
  check(
    'framing/missing-filter',
    FRAMING,
    'a Query or Subscribe without a filter is INVALID',
    async (t) => {
      const conversation = await t.connect();
      const none = new Uint8Array(0);
      await expectQueryInvalid(conversation, (queryId) => queryMessage(queryId, 0, none));
      await expectQueryInvalid(conversation, (queryId) => subscribeMessage(queryId, 0, none));
      await conversation.sentinel();
    },
  ),
  check(
    'framing/two-in-one',
    FRAMING,
    'two messages in one WebSocket message are INVALID, and neither is served',
    async (t) => {
      const conversation = await t.connect();
      const user = t.user();
      const first = submissionMessage(t.record(user).bytes);
      const second = t.record(user);
      const both = concatBytes(first, submissionMessage(second.bytes));
      await expectSubmissionInvalid(conversation, both);
      const { result } = await conversation.get(first.subarray(8, 56), second.id);
      expectResult(result, 'NOT_FOUND', 'getting either record');
    },
  ),
  check(
    'framing/reserved-bytes',
    FRAMING,
    'reserved bytes of a message are not looked at',
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.user());
      conversation.send(framedMessage(MESSAGE.submission, [0xffff, 0xffff], record.bytes));
      expectResult(
        await conversation.submissionResult(record.id.subarray(0, 32)),
        'ACCEPTED',
        'a Submission',
      );
      const exchange = conversation.expect(conversation.newQueryId());
      conversation.send(framedMessage(MESSAGE.get, [exchange.queryId, 0xffff], record.id));
      expectResult(await conversation.closed(exchange), 'SUCCESS', 'a Get');
      const open = await conversation.subscribe(
        buildFilter([{ name: 'includedTags', tags: [t.tag] }]).bytes,
      );
      conversation.send(framedMessage(MESSAGE.unsubscribe, [open.queryId, 0xffff]));
      expectResult(await conversation.closed(open), 'SUCCESS', 'an Unsubscribe');
    },
  ),
];

/** Checks of malformed messages. */
export const malformedChecks: readonly Check[] = [...wrongLength, ...tooShort, ...wrongShape];
