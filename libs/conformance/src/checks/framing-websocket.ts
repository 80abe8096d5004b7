/** Checks of what lies under the messages: fragments, pings, sizes, the closing handshake. */
import { randomBytes } from 'node:crypto';
import { MESSAGE_BYTES_MAX } from '@mosaic-cluster/protocol';
import { type Check, check, ensure, reading, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import type { Conversation } from '../conversation.ts';
import { expectResult } from '../expect.ts';
import { encodeFrame, type FrameOptions, OPCODE } from '../wire/frame.ts';
import type { RawWebSocket } from '../wire/raw-websocket.ts';
import { getMessage, unsubscribeMessage } from '../wire/requests.ts';

const RFC6455 = spec('WebSockets: RFC 6455 §5');
const TOO_LARGE = reading('Messages: Closing');
/** WebSocket close codes (RFC 6455 §7.4.1). */
const CLOSE_TOO_LARGE = 1009;

/** A Get that finds nothing, to be sent in some unusual way. */
async function expectAnswered(
  conversation: Conversation,
  send: (message: Uint8Array) => void,
): Promise<void> {
  const exchange = conversation.expect(conversation.newQueryId());
  send(getMessage(exchange.queryId, new Uint8Array(96)));
  expectResult(await conversation.closed(exchange), 'NOT_FOUND', 'the Get');
}

async function expectTooLarge(t: CheckContext, send: (w: RawWebSocket) => void): Promise<void> {
  const conversation = await t.connect();
  send(conversation.websocket);
  const { closing, close } = await conversation.serverClose();
  ensure(close.code === CLOSE_TOO_LARGE, `the close code is ${close.code ?? 'missing'}, not 1009`);
  ensure(closing !== undefined, 'no Closing message came');
  expectResult(closing, 'TOO_LARGE', 'the Closing message');
}

const fragments: readonly Check[] = [
  check('framing/fragmented', RFC6455, 'a message in three fragments is served', async (t) => {
    const conversation = await t.connect();
    const { websocket } = conversation;
    await expectAnswered(conversation, (message) => {
      websocket.sendFrame(OPCODE.binary, message.subarray(0, 3), { isFinal: false });
      websocket.sendFrame(OPCODE.continuation, message.subarray(3, 60), { isFinal: false });
      websocket.sendFrame(OPCODE.continuation, message.subarray(60));
    });
  }),
  check(
    'framing/fragmented-with-ping',
    RFC6455,
    'a ping between fragments is answered, and an empty last fragment is fine',
    async (t) => {
      const conversation = await t.connect();
      const { websocket, pongs } = conversation;
      await expectAnswered(conversation, (message) => {
        websocket.sendFrame(OPCODE.binary, message, { isFinal: false });
        websocket.sendFrame(OPCODE.ping, Buffer.from('between'));
        websocket.sendFrame(OPCODE.continuation, new Uint8Array(0));
      });
      ensure(
        pongs.some((pong) => pong.toString() === 'between'),
        'the ping was not answered',
      );
    },
  ),
  check('framing/byte-by-byte', RFC6455, 'a frame may come a byte at a time', async (t) => {
    const conversation = await t.connect();
    await expectAnswered(conversation, (message) => {
      for (const byte of encodeFrame(OPCODE.binary, message)) {
        conversation.websocket.write(Buffer.of(byte));
      }
    });
  }),
  check(
    'framing/many-at-once',
    RFC6455,
    'fifty frames in one write are all answered',
    async (t) => {
      const conversation = await t.connect();
      const exchanges = Array.from({ length: 50 }, () =>
        conversation.expect(conversation.newQueryId()),
      );
      const frames = exchanges.map(({ queryId }) =>
        encodeFrame(OPCODE.binary, unsubscribeMessage(queryId)),
      );
      conversation.websocket.write(Buffer.concat(frames));
      for (const exchange of exchanges) {
        expectResult(await conversation.closed(exchange), 'NOT_FOUND', 'an Unsubscribe');
      }
    },
  ),
];

const control: readonly Check[] = [
  check('framing/ping', RFC6455, 'a ping gets a pong with the same payload', async (t) => {
    const conversation = await t.connect();
    const { websocket, pongs } = conversation;
    for (const payload of [Buffer.alloc(0), Buffer.from('hello'), randomBytes(125)]) {
      websocket.sendFrame(OPCODE.ping, payload);
      await conversation.until('pong', () => pongs.find((pong) => pong.equals(payload)));
    }
  }),
  check('framing/unasked-pong', RFC6455, 'a pong that nobody asked for is ignored', async (t) => {
    const conversation = await t.connect();
    conversation.websocket.sendFrame(OPCODE.pong, Buffer.from('surprise'));
    await conversation.sentinel();
  }),
  check('framing/close', RFC6455, 'a close frame is answered with one', async (t) => {
    const conversation = await t.connect();
    conversation.websocket.close(1000, 'done');
    const { close } = await conversation.serverClose();
    ensure(close.code === 1000, `the close code is ${close.code ?? 'missing'}`);
  }),
  ...(
    [
      ['reserved-bit', 'a frame with a reserved bit set', OPCODE.binary, { reserved: 2 }],
      ['reserved-opcode', 'a frame with a reserved opcode', 0x3, {}],
      ['stray-continuation', 'a continuation of nothing', OPCODE.continuation, {}],
      ['fragmented-ping', 'a fragmented ping', OPCODE.ping, { isFinal: false }],
    ] as readonly (readonly [string, string, number, FrameOptions])[]
  ).map(([name, what, opcode, options]) =>
    check(`framing/${name}`, RFC6455, `${what} ends the connection`, async (t) => {
      const conversation = await t.connect();
      conversation.websocket.sendFrame(opcode, getMessage(1, new Uint8Array(0)), options);
      await conversation.serverClose();
    }),
  ),
];

const sizes: readonly Check[] = [
  check(
    'framing/too-large',
    TOO_LARGE,
    'a message larger than any Mosaic message gets Closing TOO_LARGE and is closed with 1009',
    async (t) => {
      const message = new Uint8Array(MESSAGE_BYTES_MAX + 1);
      message[0] = 5;
      await expectTooLarge(t, (websocket) => websocket.send(message));
    },
  ),
  check(
    'framing/too-large-announced',
    TOO_LARGE,
    'a frame that announces a gigabyte ends the connection before its bytes have come',
    async (t) => {
      const conversation = await t.connect();
      const part = new Uint8Array(16);
      conversation.websocket.sendFrame(OPCODE.binary, part, { announcedBytes: 2 ** 30 });
      await conversation.serverClose();
    },
  ),
  check(
    'framing/too-large-fragmented',
    TOO_LARGE,
    'fragments that add up to more than any Mosaic message are refused',
    async (t) => {
      const part = new Uint8Array(400_000);
      await expectTooLarge(t, (websocket) => {
        websocket.sendFrame(OPCODE.binary, part, { isFinal: false });
        websocket.sendFrame(OPCODE.continuation, part, { isFinal: false });
        websocket.sendFrame(OPCODE.continuation, part);
      });
    },
  ),
];

/** Checks of the WebSocket layer. */
export const websocketChecks: readonly Check[] = [...fragments, ...control, ...sizes];
