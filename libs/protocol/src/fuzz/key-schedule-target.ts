/** Fuzzes key schedules: parsing, questions to the schedule, and encoding the entries again. */
import { equalBytes, readU16, writeU16 } from '../bytes.ts';
import {
  KEY_ENTRY_HEAD_BYTES,
  type KeySchedule,
  parseKeySchedule,
  signingKeyBelongs,
} from '../key-schedule.ts';
import { encodeKeyScheduleEntries, type KeyScheduleEntryInput } from '../key-schedule-build.ts';
import { KNOWN_KINDS } from '../kind.ts';
import { parseRecord, RECORD_AT } from '../record.ts';
import { verifyPrehash } from '../signature.ts';
import { TIMESTAMP_MAX } from '../timestamp.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';
import { type FuzzTarget, require } from './target.ts';

/** Puts something at `at` that means something in a schedule, or nearly. */
function change(payload: Uint8Array, at: number, random: Random): void {
  switch (random.below(3)) {
    case 0:
      payload[at] = random.pick([0, 1, 2, 3, 0x40, 0x41, 0x4f, 0x80, 0xff]);
      break;
    case 1:
      payload[at]! ^= 1 << random.below(8);
      break;
    default:
      writeU16(payload, at, random.pick([0, 1, 15, 16, 56, 64, 136, 151, 152, 153, 65535]));
  }
}

/**
 * Changes mostly what lies in the payload, so that the record stays a key schedule.
 */
function generate(random: Random, seeds: readonly Uint8Array[]): Uint8Array {
  const seed = random.pick(seeds);
  if (random.oneIn(4)) return mutate(seed, random, seeds);
  const bytes = seed.slice();
  bytes.set(KNOWN_KINDS['key-schedule'], RECORD_AT.kind);
  bytes.copyWithin(RECORD_AT.signingKey, RECORD_AT.author, RECORD_AT.author + 32);
  const record = parseRecord(bytes);
  const start = record.payload.byteOffset - bytes.byteOffset;
  const payload = bytes.subarray(start, start + record.payloadLength);
  for (let i = 1 + random.below(3); i > 0 && payload.length > 16; i--) {
    const entry = 152 * random.below(Math.ceil(payload.length / 152));
    const at = entry + random.below(random.oneIn(2) ? 24 : 152);
    if (at + 2 > payload.length) continue;
    change(payload, at, random);
  }
  return bytes;
}

/** The entries as input for an encoder; undefined where it has no words for one. */
function entryInputs(schedule: KeySchedule): KeyScheduleEntryInput[] | undefined {
  const { payload } = schedule.record;
  const inputs: KeyScheduleEntryInput[] = [];
  let at = 0;
  for (const { kind, algorithm, marker, revokedAt, key } of schedule.entries) {
    const end = at + readU16(payload, at + 2);
    const attestation = payload.subarray(at + KEY_ENTRY_HEAD_BYTES, end);
    if (kind === 'encryptionKey' && algorithm !== 'curve25519') return undefined;
    const data = kind === 'subkey' ? { attestation } : { encryptionKey: key };
    inputs.push({ marker, revokedAt, ...data });
    at = end;
  }
  return inputs;
}

/** A copy of the payload with its reserved bytes zero. */
function canonical(schedule: KeySchedule): Uint8Array {
  const payload = schedule.record.payload.slice();
  let at = 0;
  for (const { kind } of schedule.entries) {
    payload.fill(0, at + 6, at + 8);
    if (kind === 'encryptionKey') payload.fill(0, at + 22, at + 24);
    at += readU16(payload, at + 2);
  }
  return payload;
}

function ask(schedule: KeySchedule): void {
  const { master } = schedule;
  require(schedule.admits(master, 0n, 0n) && schedule.actsFor(master), 'the master is refused');
  for (const { kind, algorithm, key, marker } of schedule.entries) {
    const belongs = signingKeyBelongs(master, key, schedule, 0n, TIMESTAMP_MAX);
    if (equalBytes(key, master)) continue;
    if (marker === 'revokedAll' && kind === 'subkey' && algorithm === 'curve25519') {
      require(!belongs, 'a revoked key signs');
    }
    if (schedule.actsFor(key)) require(belongs, 'a key acts that does not belong');
  }
}

/** The target for key schedules. Signatures count as valid but for the sampled inputs. */
export function keyScheduleTarget(seeds: readonly Uint8Array[]): FuzzTarget {
  return {
    name: 'key-schedule',
    generate: (random) => generate(random, seeds),
    run(input, isSampled) {
      const record = parseRecord(input);
      const verify = isSampled ? verifyPrehash : () => true;
      const schedule = parseKeySchedule(record, { verify });
      const inputs = entryInputs(schedule);
      if (inputs !== undefined) {
        const encoded = encodeKeyScheduleEntries(inputs);
        require(equalBytes(encoded, canonical(schedule)), 'other bytes');
      }
      ask(schedule);
      return true;
    },
  };
}
