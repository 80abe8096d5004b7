/** The meter agrees with the frames that were made, wherever the network cuts them. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { frameHead } from './contract-client.ts';
import { MessageMeter } from './message-meter.ts';

const PIECE_BYTES = 256;

const lengths = fc.oneof(fc.nat({ max: 200 }), fc.constantFrom(125, 126, 65_535, 65_536, 70_000));
const control = fc.record({ opcode: fc.constantFrom(9, 10), length: fc.nat({ max: 125 }) });
const messages = fc.array(
  fc.record({
    fragments: fc.array(lengths, { minLength: 1, maxLength: 3 }),
    between: fc.array(control, { maxLength: 2 }),
  }),
  { maxLength: 4 },
);

interface Stream {
  readonly bytes: Buffer;
  /** The stretches in which nothing is unfinished, as the places where they begin. */
  readonly quietAt: Set<number>;
  /** How many messages have ended before a place. */
  readonly endedBefore: (at: number) => number;
}

function streamOf(
  made: { fragments: number[]; between: { opcode: number; length: number }[] }[],
): Stream {
  const parts: Buffer[] = [];
  const quietAt = new Set([0]);
  const ends: number[] = [];
  let at = 0;
  const put = (opcode: number, length: number, isFinal: boolean): void => {
    const frame = Buffer.concat([frameHead(opcode, length, isFinal), Buffer.alloc(length, 0xff)]);
    parts.push(frame);
    at += frame.length;
  };
  for (const { fragments, between } of made) {
    fragments.forEach((length, i) => {
      const isFinal = i === fragments.length - 1;
      put(i === 0 ? 2 : 0, length, isFinal);
      if (isFinal) ends.push(at);
      if (isFinal) quietAt.add(at);
      for (const { opcode, length: pongLength } of between) {
        put(opcode, pongLength, true);
        if (isFinal) quietAt.add(at);
      }
    });
  }
  return {
    bytes: Buffer.concat(parts),
    quietAt,
    endedBefore: (place) => ends.filter((end) => end <= place).length,
  };
}

it('knows whether something is unfinished, and counts every message', () => {
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
  fc.assert(
    fc.property(messages, cuts, (made, places) => {
      const { bytes, quietAt, endedBefore } = streamOf(made);
      const cutsAt = places
        .map((place) => Math.floor(place * bytes.length))
        .toSorted((a, b) => a - b);
      const meter = new MessageMeter();
      let from = 0;
      let sum = 0;
      for (const to of [...cutsAt, bytes.length]) {
        const before = meter.messages;
        meter.add(bytes.subarray(from, to));
        const piece = to - from;
        from = to;
        expect(meter.messages).toBe(endedBefore(to));
        sum = meter.messages === before ? sum + piece + PIECE_BYTES : piece + PIECE_BYTES;
        if (quietAt.has(to)) {
          sum = 0;
          expect(meter.heldBytes).toBe(0);
        } else {
          expect(meter.heldBytes).toBeLessThanOrEqual(sum);
          expect(meter.heldBytes).toBeGreaterThan(0);
        }
      }
    }),
  );
});

it('counts every piece of a message, be it a byte, and not the pongs between its fragments', () => {
  const meter = new MessageMeter();
  for (const byte of frameHead(2, 1000, false)) meter.add(Buffer.of(byte));
  expect(meter.heldBytes).toBe(8 * (1 + PIECE_BYTES));
  meter.add(Buffer.alloc(1000));
  const held = 8 * (1 + PIECE_BYTES) + 1000 + PIECE_BYTES;
  expect(meter.heldBytes).toBe(held);
  for (let i = 0; i < 100; i++) meter.add(Buffer.concat([frameHead(10, 20), Buffer.alloc(20)]));
  expect(meter.heldBytes).toBe(held);
  meter.add(Buffer.concat([frameHead(0, 3), Buffer.alloc(3)]));
  expect(meter.heldBytes).toBe(0);
  expect(meter.messages).toBe(1);
});

it('counts the whole piece that the beginning of a message came with', () => {
  const meter = new MessageMeter();
  const whole = Buffer.concat([frameHead(2, 60_000), Buffer.alloc(60_000)]);
  meter.add(Buffer.concat([whole, frameHead(2, 500).subarray(0, 3)]));
  expect(meter.heldBytes).toBe(whole.length + 3 + PIECE_BYTES);
});
