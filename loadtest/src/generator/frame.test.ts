/** Protects the generator's view of the wire: every message whole and once, however it is cut. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameReader, OPCODE } from './frame.ts';

/** A server's frame: like ours without the mask. */
function serverFrame(payload: Uint8Array, opcode: number, isFinal = true): Buffer {
  const masked = encodeFrame(payload, opcode);
  const head = masked.length - payload.length;
  const bytes = Buffer.concat([masked.subarray(0, head - 4), payload]);
  bytes[0] = (isFinal ? 0x80 : 0) | opcode;
  bytes[1] = masked.readUInt8(1) & 0x7f;
  return bytes;
}

interface Seen {
  readonly messages: Buffer[];
  readonly controls: [number, string][];
}

function read(chunks: readonly Buffer[]): Seen {
  const seen: Seen = { messages: [], controls: [] };
  const reader = new FrameReader({
    message: (bytes, at, length) => {
      seen.messages.push(Buffer.from(bytes.subarray(at, at + length)));
    },
    control: (opcode, payload) => seen.controls.push([opcode, payload.toString()]),
  });
  // One buffer for all chunks, as a socket reads into one.
  const shared = Buffer.alloc(1 << 20);
  for (const chunk of chunks) {
    chunk.copy(shared);
    reader.push(shared.subarray(0, chunk.length));
    shared.fill(0xaa, 0, chunk.length);
  }
  return seen;
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const borders = [...new Set([0, ...places.map((p) => p % bytes.length), bytes.length])];
  borders.sort((a, b) => a - b);
  return borders.slice(1).map((end, i) => bytes.subarray(borders[i], end));
}

const length = fc.oneof(fc.nat(300), fc.constantFrom(125, 126, 127, 65_535, 65_536, 70_000));

describe('FrameReader', () => {
  it('finds every message, wherever the stream is cut', () => {
    const places = fc.array(fc.nat(), { maxLength: 40 });
    fc.assert(
      fc.property(fc.array(length, { minLength: 1, maxLength: 12 }), places, (lengths, places) => {
        const payloads = lengths.map((length, i) => Buffer.alloc(length, i + 1));
        const stream = Buffer.concat(payloads.map((each) => serverFrame(each, OPCODE.binary)));
        const { messages } = read(cut(stream, places));
        expect(messages.map((message) => message.length)).toEqual(lengths);
        expect(Buffer.concat(messages).equals(Buffer.concat(payloads))).toBe(true);
      }),
    );
  });

  it('joins fragments, with a ping between them', () => {
    const { messages, controls } = read([
      serverFrame(Buffer.from('he'), OPCODE.binary, false),
      serverFrame(Buffer.from('still there?'), OPCODE.ping),
      serverFrame(Buffer.from('ll'), OPCODE.continuation, false),
      serverFrame(Buffer.from('o'), OPCODE.continuation),
    ]);
    expect(messages.map(String)).toEqual(['hello']);
    expect(controls).toEqual([[OPCODE.ping, 'still there?']]);
  });

  it('refuses what no server may send', () => {
    const some = Buffer.from('x');
    expect(() => read([encodeFrame(some)])).toThrow('mask');
    expect(() => read([serverFrame(some, OPCODE.text)])).toThrow('no text');
    expect(() => read([serverFrame(some, OPCODE.continuation)])).toThrow('order');
    const endless = Buffer.concat([Buffer.of(0x82, 127), Buffer.alloc(8, 1)]);
    expect(() => read([endless])).toThrow('bytes');
  });
});
