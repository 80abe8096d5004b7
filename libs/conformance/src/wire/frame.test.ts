/** Frames survive being written, cut anywhere, and read again. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, type Frame, FrameReader } from './frame.ts';

const frames = fc.array(
  fc.record({
    opcode: fc.integer({ min: 0, max: 15 }),
    isFinal: fc.boolean(),
    reserved: fc.integer({ min: 0, max: 7 }),
    isMasked: fc.boolean(),
    length: fc.constantFrom(0, 1, 125, 126, 127, 1000, 65_535, 65_536, 70_000),
  }),
  { maxLength: 4 },
);

describe('frames', () => {
  it('come back as they were written, however the stream is cut', () => {
    const cuts = fc.array(fc.nat({ max: 200_000 }), { maxLength: 6 });
    fc.assert(
      fc.property(frames, cuts, (written, cuts) => {
        const payloads = written.map(({ length }) => Buffer.alloc(length, 'mosaic'));
        const stream = Buffer.concat(
          written.map((frame, i) => encodeFrame(frame.opcode, payloads[i]!, frame)),
        );
        const places = [...cuts.filter((at) => at < stream.length), 0, stream.length];
        places.sort((a, b) => a - b);
        const reader = new FrameReader(1_000_000);
        const read: Frame[] = [];
        for (let i = 1; i < places.length; i++) {
          read.push(...reader.push(stream.subarray(places[i - 1], places[i])));
        }
        const shape = ({ opcode, isFinal, reserved }: Omit<Frame, 'payload'>): unknown[] => {
          return [opcode, isFinal, reserved];
        };
        expect(read.map(shape)).toEqual(written.map(shape));
        // Compared as buffers: the test runner would look at every byte on its own.
        expect(read.every(({ payload }, i) => payload.equals(payloads[i]!))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses a frame longer than its bound', () => {
    const reader = new FrameReader(100);
    expect(() => reader.push(encodeFrame(2, new Uint8Array(101)))).toThrow('101 bytes');
  });
});
