/** Attacks with WebSocket frames and with messages that nobody may send. */
import { randomBytes } from 'node:crypto';
import { encodeMessage, MESSAGE, writeU16, writeU24 } from '@mosaic-cluster/protocol';
import {
  encodeFrame,
  FRAME_HEAD_BYTES_MAX,
  OPCODE,
  writeFrameHead,
} from '../../generator/frame.ts';
import type { Attack } from '../attack.ts';
import { pace } from '../attacker/pace.ts';
import { keepTalking, sayOn } from '../attacker/talk.ts';
import { spamRecord } from './spam-record.ts';

const FRAGMENT_BYTES = 16 * 1024;
const FINAL = 0x80;
const OVERSIZED_BYTES = 2 ** 21;
const PINGS = 100;

/** A frame after which more of the same message must come. */
function fragment(opcode: number): Buffer {
  const frame = encodeFrame(Buffer.alloc(FRAGMENT_BYTES), opcode);
  frame[0]! &= ~FINAL;
  return frame;
}

const fragments: Attack = {
  name: 'endless-fragments',
  title: 'sends fragments of messages that never end',
  place: 'any',
  aim: 'refused',
  async run(attacker) {
    const more = fragment(OPCODE.continuation);
    const begin = fragment(OPCODE.binary);
    const { talks, done } = keepTalking(attacker, 50, ({ connection }) => connection.write(begin));
    let turn = 0;
    await pace(1_000, attacker.signal, () => {
      turn += 1;
      const talk = talks[turn % talks.length];
      if (talk === undefined) return;
      talk.send(new Uint8Array());
      talk.connection.write(more);
    });
    await done;
  },
};

const pings: Attack = {
  name: 'ping-flood',
  title: 'sends pings without end',
  place: 'any',
  aim: 'refused',
  async run(attacker) {
    const flood = Buffer.concat(
      Array.from({ length: PINGS }, () => encodeFrame(EMPTY, OPCODE.ping)),
    );
    await sayOn(attacker, 20, 200, ({ connection }) => {
      attacker.tally.sent += PINGS;
      connection.write(flood);
    });
  },
};

const oversized: Attack = {
  name: 'oversized-messages',
  title: 'sends messages larger than any may be',
  place: 'any',
  aim: 'refused',
  async run(attacker) {
    const head = Buffer.alloc(FRAME_HEAD_BYTES_MAX);
    writeFrameHead(head, 0, OVERSIZED_BYTES, OPCODE.binary);
    const part = Buffer.alloc(64 * 1024);
    const { done } = keepTalking(attacker, 20, (talk) => {
      attacker.tally.sent += 1;
      talk.connection.write(head);
      talk.connection.write(part);
    });
    await done;
  },
};

const malformed: Attack = {
  name: 'malformed-messages',
  title: 'sends messages that cannot be read',
  place: 'any',
  aim: 'refused',
  run: (attacker) =>
    sayOn(attacker, 10, 500, (talk) => {
      const bytes = randomBytes(64);
      bytes[0] = MESSAGE.query;
      writeU24(bytes, 1, bytes.length);
      writeU16(bytes, 4, 7);
      talk.send(bytes);
    }),
};

const serverMessages: Attack = {
  name: 'server-messages',
  title: 'sends what only servers may send',
  place: 'any',
  aim: 'refused',
  async run(attacker) {
    const record = spamRecord(attacker.tools);
    const message = encodeMessage({ name: 'record', queryId: 1, record });
    await sayOn(attacker, 10, 500, (talk) => talk.send(message));
  },
};

const messages: Attack = {
  name: 'message-flood',
  title: 'sends small messages without end, those that are always heard among them',
  place: 'any',
  aim: 'refused',
  async run(attacker) {
    const get = encodeMessage({ name: 'get', queryId: 1, references: [new Uint8Array(48)] });
    const unsubscribe = encodeMessage({ name: 'unsubscribe', queryId: 2 });
    let turn = 0;
    await sayOn(attacker, 10, 6_000, (talk) => {
      turn += 1;
      talk.send(turn % 2 === 0 ? get : unsubscribe);
    });
  },
};

const EMPTY = new Uint8Array();

/** All of them. */
export const FRAME_ATTACKS: readonly Attack[] = [
  fragments,
  pings,
  oversized,
  malformed,
  serverMessages,
  messages,
];
