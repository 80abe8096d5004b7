/** What a WebSocket close frame carries: a code and a short reason (RFC 6455 §5.5.1 and §7.4.1). */

/** The codes that a listener itself sends. */
export const CLOSE_CODE = {
  goingAway: 1001,
  tooLarge: 1009,
  internalError: 1011,
  tryAgainLater: 1013,
} as const;

/** Longest reason: a control frame carries 125 bytes, the code takes two. */
const REASON_BYTES_MAX = 123;

/** A reason that fits into a close frame, cut between characters. */
export function shortenReason(reason: string): string {
  if (reason.length * 3 <= REASON_BYTES_MAX) return reason;
  const bytes = Buffer.from(reason);
  let end = Math.min(bytes.length, REASON_BYTES_MAX);
  // A byte 10xxxxxx goes on with the character before it.
  while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString();
}
