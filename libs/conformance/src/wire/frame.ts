/**
 * WebSocket frames (RFC 6455 §5.2), written and read by hand: checks must be able to send what no
 * library would.
 */
import { randomBytes } from 'node:crypto';

/** Opcodes. */
export const OPCODE = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

/** One frame. */
export interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  /** The three reserved bits, 0 to 7. */
  readonly reserved: number;
  readonly payload: Buffer;
}

/** How a frame is written where it is not written properly. */
export interface FrameOptions {
  readonly isFinal?: boolean;
  /** Default: as the role demands. */
  readonly isMasked?: boolean;
  /** The three reserved bits, 0 to 7. */
  readonly reserved?: number;
  /** Length to announce in place of the payload's. */
  readonly announcedBytes?: number;
}

/** The bytes of a frame. */
export function encodeFrame(
  opcode: number,
  payload: Uint8Array,
  { isFinal = true, isMasked = true, reserved = 0, announcedBytes }: FrameOptions = {},
): Buffer {
  const length = announcedBytes ?? payload.length;
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
  const maskBit = isMasked ? 0x80 : 0;
  let head: Buffer;
  if (length < 126) {
    head = Buffer.of(first, maskBit | length);
  } else if (length < 65_536) {
    head = Buffer.alloc(4);
    head[1] = maskBit | 126;
    head.writeUInt16BE(length, 2);
  } else {
    head = Buffer.alloc(10);
    head[1] = maskBit | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  head[0] = first;
  if (!isMasked) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  const masked = Buffer.from(payload);
  applyMask(masked, mask);
  return Buffer.concat([head, mask, masked]);
}

function applyMask(bytes: Buffer, mask: Buffer): void {
  for (let i = 0; i < bytes.length; i++) bytes[i]! ^= mask[i & 3]!;
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  readonly #payloadBytesMax: number;
  #chunks: Buffer[] = [];
  #length = 0;

  /** @param payloadBytesMax a longer frame is an error: nobody should have sent it */
  constructor(payloadBytesMax: number) {
    this.#payloadBytesMax = payloadBytesMax;
  }

  /**
   * Takes bytes and gives the frames that are complete.
   *
   * @throws Error for a frame longer than the bound
   */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: Frame[] = [];
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) frames.push(frame);
    return frames;
  }

  #take(): Frame | undefined {
    if (this.#length < 2) return undefined;
    const head = this.#peek(Math.min(14, this.#length));
    const isMasked = (head[1]! & 0x80) !== 0;
    const short = head[1]! & 0x7f;
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
    const headBytes = 2 + lengthBytes + (isMasked ? 4 : 0);
    if (head.length < headBytes) return undefined;
    const length =
      lengthBytes === 0
        ? short
        : lengthBytes === 2
          ? head.readUInt16BE(2)
          : Number(head.readBigUInt64BE(2));
    if (length > this.#payloadBytesMax) throw new Error(`a frame of ${length} bytes came`);
    if (this.#length < headBytes + length) return undefined;
    const whole = this.#peek(headBytes + length);
    this.#drop(headBytes + length);
    const payload = Buffer.from(whole.subarray(headBytes));
    if (isMasked) applyMask(payload, whole.subarray(headBytes - 4, headBytes));
    const first = head[0]!;
    return {
      opcode: first & 0x0f,
      isFinal: (first & 0x80) !== 0,
      reserved: (first >> 4) & 7,
      payload,
    };
  }

  /** The first bytes, joining chunks only where it must. */
  #peek(length: number): Buffer {
    if (this.#chunks[0]!.length < length) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!.subarray(0, length);
  }

  #drop(length: number): void {
    const rest = this.#chunks[0]!.subarray(length);
    if (rest.length === 0) this.#chunks.shift();
    else this.#chunks[0] = rest;
    this.#length -= length;
  }
}
