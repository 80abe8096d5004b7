/** Fuzzes messages: parsing, validation, the address of an answer, and encoding again. */
import { equalBytes, writeU24, writeU48 } from '../bytes.ts';
import {
  BLOB_HEAD_BYTES,
  MESSAGE,
  messageAddress,
  parseMessage,
  validateMessage,
} from '../message.ts';
import { encodeMessage } from '../message-encode.ts';
import { verifyPrehash } from '../signature.ts';
import { canonicalMessage } from '../vectors/messages.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';
import { type FuzzTarget, require } from './target.ts';

const TYPES: readonly number[] = Object.values(MESSAGE);

/** Makes the length fit again, in the place where the type has it. */
function repair(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 8) return bytes;
  const repaired = bytes.slice();
  if (random.oneIn(4)) repaired[0] = random.pick(TYPES);
  const type = repaired[0]!;
  if (type === MESSAGE.blobSubmission || type === MESSAGE.blobResult) {
    writeU48(repaired, 2, Math.max(0, repaired.length - BLOB_HEAD_BYTES));
  } else if (type !== MESSAGE.closing) {
    writeU24(repaired, 1, repaired.length);
  }
  return repaired;
}

/** The target for messages. Signatures count as valid but for the sampled inputs. */
export function messageTarget(seeds: readonly Uint8Array[]): FuzzTarget {
  return {
    name: 'message',
    generate(random) {
      const bytes = mutate(random.pick(seeds), random, seeds);
      return random.oneIn(3) ? bytes : repair(bytes, random);
    },
    run(input, isSampled) {
      messageAddress(input);
      const message = parseMessage(input);
      const encoded = encodeMessage(message);
      require(equalBytes(encoded, canonicalMessage(message.name, input)), 'other bytes');
      const again = parseMessage(encoded);
      require(equalBytes(encodeMessage(again), encoded), 'other bytes the second time');
      validateMessage(message, { verify: isSampled ? verifyPrehash : () => true });
      return true;
    },
  };
}
