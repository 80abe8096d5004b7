// Records that are all different, made from a seed: what the crash and fault tests submit.
import { buildRecord, encodeKind, timestampFromMillis } from '../libs/protocol/dist/index.js';
import { nativeSigningTools } from '../libs/verifier/dist/index.js';

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The secret keys of their authors; the first one also writes private records. */
export const AUTHORS = Array.from({ length: 20 }, (_, n) => new Uint8Array(32).fill(n + 1));

const kindOf = (applicationKind, duplicateHandling, audience) =>
  encodeKind({ applicationId: 99, applicationKind, duplicateHandling, audience, printable: false });

/** Kinds of public records. */
export const PUBLIC_KINDS = ['unique', 'versioned', 'unique', 'unique'].map(
  (duplicateHandling, n) => kindOf(n, duplicateHandling, 'everybody'),
);
/** The kind of the private ones. */
export const PRIVATE_KIND = kindOf(9, 'unique', 'author-only');

/**
 * Makes records that are all different: of several authors, kinds and sizes.
 *
 * @param privateShare how many of them are private, from 0 to 1
 */
export async function recordMaker(random, privateShare = 0) {
  const tools = await nativeSigningTools();
  const start = timestampFromMillis(Date.now()) - 1_000_000_000_000n;
  let count = 0;
  const pick = (list) => list[Math.floor(random() * list.length)];
  return () => {
    count += 1;
    const isPrivate = random() < privateShare;
    const payloadBytes = random() < 0.02 ? 60_000 : Math.floor(random() * 600);
    const timestamp = start + BigInt(Math.floor(random() * 1e12));
    const payload = new Uint8Array(payloadBytes).fill(count & 0xff);
    const secretKey = isPrivate ? AUTHORS[0] : pick(AUTHORS);
    const kind = isPrivate ? PRIVATE_KIND : pick(PUBLIC_KINDS);
    return buildRecord({ kind, timestamp, secretKey, payload }, tools).bytes;
  };
}
