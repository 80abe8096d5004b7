/**
 * WebSocket frames, as little of them as a load generator needs: its own are masked with zeros,
 * which a server undoes like any other mask, and which costs the generator nothing.
 *
 *     [0]  FIN 0x80, opcode    [1]  MASK 0x80, length 0–125, 126 (u16 follows) or 127 (u64 follows)
 *
 * Source: RFC 6455, section 5.2.
 */

/** Opcodes. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Most bytes before a client frame's payload. */
export const FRAME_HEAD_BYTES_MAX = 14;

const FINAL = 0x80;
const MASKED = 0x80;
const MASK_BYTES = 4;
const LENGTH_U16 = 126;
const LENGTH_U64 = 127;

/** Bytes before the payload of a client's frame. */
export function frameHeadBytes(length: number): number {
  if (length < LENGTH_U16) return 2 + MASK_BYTES;
  return (length < 0x1_0000 ? 4 : 10) + MASK_BYTES;
}

/** Writes the head of a client's frame into bytes that are zero. */
export function writeFrameHead(
  bytes: Buffer,
  at: number,
  length: number,
  opcode: number = OPCODE.binary,
): void {
  bytes[at] = FINAL | opcode;
  if (length < LENGTH_U16) {
    bytes[at + 1] = MASKED | length;
  } else if (length < 0x1_0000) {
    bytes[at + 1] = MASKED | LENGTH_U16;
    bytes.writeUInt16BE(length, at + 2);
  } else {
    bytes[at + 1] = MASKED | LENGTH_U64;
    bytes.writeBigUInt64BE(BigInt(length), at + 2);
  }
}

/** A client's frame with this payload. */
export function encodeFrame(payload: Uint8Array, opcode: number = OPCODE.binary): Buffer {
  const head = frameHeadBytes(payload.length);
  const bytes = Buffer.alloc(head + payload.length);
  writeFrameHead(bytes, 0, payload.length, opcode);
  bytes.set(payload, head);
  return bytes;
}

/** What a {@link FrameReader} finds. The bytes are valid during the call only. */
export interface FrameSink {
  /** A whole data message. */
  message(bytes: Buffer, at: number, length: number): void;
  /** A ping, pong or close frame. */
  control(opcode: number, payload: Buffer): void;
}

/** Most bytes of a message that are taken from a server. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/** Takes a server's frames out of a byte stream, in place where they are not cut. */
export class FrameReader {
  readonly #sink: FrameSink;
  /** The beginning of a frame whose rest has not come. */
  #rest: Buffer = Buffer.alloc(0);
  /** The payloads of a fragmented message so far. */
  #fragments: Buffer[] = [];

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Takes what has arrived. @throws RangeError for what no server may send */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      const end = this.#frame(bytes, at);
      if (end === undefined) break;
      at = end;
    }
    // What remains is copied: the chunk's memory is used again.
    this.#rest = at === bytes.length ? EMPTY : Buffer.from(bytes.subarray(at));
  }

  /** Hands on the frame at `at`; its end, or undefined where it is not complete. */
  #frame(bytes: Buffer, at: number): number | undefined {
    const available = bytes.length - at;
    if (available < 2) return undefined;
    const second = bytes[at + 1]!;
    if ((second & MASKED) !== 0) throw new RangeError('a server must not mask its frames');
    let length = second;
    let head = 2;
    if (second === LENGTH_U16) {
      if (available < 4) return undefined;
      length = bytes.readUInt16BE(at + 2);
      head = 4;
    } else if (second === LENGTH_U64) {
      if (available < 10) return undefined;
      length = Number(bytes.readBigUInt64BE(at + 2));
      head = 10;
    }
    if (length > MESSAGE_BYTES_MAX) throw new RangeError(`a frame of ${length} bytes`);
    if (available < head + length) return undefined;
    this.#dispatch(bytes[at]!, bytes, at + head, length);
    return at + head + length;
  }

  #dispatch(first: number, bytes: Buffer, at: number, length: number): void {
    const opcode = first & 0x0f;
    const isFinal = (first & FINAL) !== 0;
    if (opcode >= OPCODE.close) {
      this.#sink.control(opcode, bytes.subarray(at, at + length));
    } else if (isFinal && opcode === OPCODE.binary) {
      this.#sink.message(bytes, at, length);
    } else {
      this.#fragment(opcode, isFinal, Buffer.from(bytes.subarray(at, at + length)));
    }
  }

  #fragment(opcode: number, isFinal: boolean, payload: Buffer): void {
    const isFirst = opcode !== OPCODE.continuation;
    if (opcode === OPCODE.text) throw new RangeError('a Mosaic server sends no text');
    if (isFirst !== (this.#fragments.length === 0)) throw new RangeError('fragments out of order');
    this.#fragments.push(payload);
    if (!isFinal) return;
    const whole = Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#sink.message(whole, 0, whole.length);
  }
}

const EMPTY = Buffer.alloc(0);
