/**
 * Knows how much memory the unfinished message of a WebSocket holds. It reads the heads of the
 * frames (RFC 6455 §5.2) beside the library that puts messages together, which does not tell.
 */

/** What a piece of input costs besides its bytes: a buffer and its place in a list. */
const PIECE_BYTES = 256;
/** Two bytes, eight of length, four of mask. */
const HEAD_BYTES_MAX = 14;
const MASK_BYTES = 4;

/** Reads what one client sends. Broken frames do no harm; they end the connection elsewhere. */
export class MessageMeter {
  readonly #head = new Uint8Array(HEAD_BYTES_MAX);
  #headLength = 0;
  /** Bytes of the present frame's payload that have not come yet. */
  #payloadLeft = 0;
  #isFinal = false;
  /** A message's first fragment has begun and its last has not ended. */
  #isInMessage = false;
  #heldBytes = 0;
  #messages = 0;
  #controlFrames = 0;

  /** Bytes that the unfinished message holds: all pieces of input that a part of it lies in. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** How many messages have ended so far: as long as it stays, the unfinished one is the same. */
  get messages(): number {
    return this.#messages;
  }

  /** How many pings, pongs and close frames have come so far. */
  get controlFrames(): number {
    return this.#controlFrames;
  }

  /** Takes the next piece of input, as it came; `piece` is not kept. */
  add(piece: Uint8Array): void {
    const earlier = this.#messages;
    let at = 0;
    let isPart = false;
    while (at < piece.length) {
      if (this.#payloadLeft === 0) {
        this.#head[this.#headLength] = piece[at] ?? 0;
        this.#headLength += 1;
        at += 1;
        if (this.#headLength < this.#headBytes()) continue;
        this.#begin();
      }
      const taken = Math.min(this.#payloadLeft, piece.length - at);
      this.#payloadLeft -= taken;
      at += taken;
      if (this.#payloadLeft > 0) break;
      isPart ||= !this.#isControl;
      this.#end();
    }
    const isInFrame = this.#headLength > 0;
    if (this.#messages !== earlier) this.#heldBytes = 0;
    if (!isInFrame && !this.#isInMessage) this.#heldBytes = 0;
    else if (isInFrame || isPart) this.#heldBytes += piece.length + PIECE_BYTES;
  }

  get #isControl(): boolean {
    return ((this.#head[0] ?? 0) & 0x08) !== 0;
  }

  /** Length of the present frame's head, as far as it is known. */
  #headBytes(): number {
    if (this.#headLength < 2) return 2;
    const second = this.#head[1] ?? 0;
    const length = second & 0x7f;
    const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
    return 2 + extended + ((second & 0x80) === 0 ? 0 : MASK_BYTES);
  }

  /** The head is complete. */
  #begin(): void {
    const length = (this.#head[1] ?? 0) & 0x7f;
    const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
    this.#payloadLeft = length;
    if (extended > 0) {
      this.#payloadLeft = 0;
      for (let i = 2; i < 2 + extended; i++) {
        this.#payloadLeft = this.#payloadLeft * 256 + (this.#head[i] ?? 0);
      }
    }
    this.#isFinal = ((this.#head[0] ?? 0) & 0x80) !== 0;
  }

  /** The frame is complete. */
  #end(): void {
    this.#headLength = 0;
    if (this.#isControl) {
      this.#controlFrames += 1;
      return;
    }
    this.#isInMessage = !this.#isFinal;
    if (this.#isFinal) this.#messages += 1;
  }
}
