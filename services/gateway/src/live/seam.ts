/**
 * Joins a subscription's stored records to its live ones. Live records that arrive too early are
 * held; what was sent as stored is remembered until it cannot arrive live any more.
 */
import type { LiveRecord, ServedRecord } from '@mosaic-cluster/bus';
import type { Timestamp } from '@mosaic-cluster/protocol';
import { textOf } from '../key-text.ts';
import type { GatewayLimits } from '../limits.ts';

const ID_BYTES = 48;
/**
 * Stored records remembered although they were received long ago: what becomes visible now, as a
 * record that a moderator released, is among the first to be read and may be published in a moment.
 */
const OLD_IDS_MAX = 512;

/** A record's ID as text. */
export function idTextOf(record: Uint8Array): string {
  return textOf(record, 0, ID_BYTES);
}

/** A record that storage had and the bus did not bring. */
export interface FoundRecord extends ServedRecord {
  readonly isFound: true;
  /** The role has said already that it may be read. */
  readonly readers: undefined;
}

/** A record that waits for its turn. */
export type HeldRecord = (LiveRecord & { readonly isFound?: never }) | FoundRecord;

/** One subscription's seam. */
export class Seam {
  readonly #limits: GatewayLimits;
  /** Of records received from then on, everything that was sent as stored is remembered. */
  readonly recentFrom: Timestamp;
  readonly #sentIds = new Set<string>();
  readonly #heldIds = new Set<string>();
  #held: HeldRecord[] = [];
  #heldBytes = 0;
  #position = 0;
  /** When the newest of what was sent came in. */
  #sentUpTo: Timestamp = 0n;
  #forgottenUpTo: Timestamp = 0n;

  /** @param recentFrom records received from then on may still be published */
  constructor(recentFrom: Timestamp, limits: GatewayLimits) {
    this.recentFrom = recentFrom;
    this.#limits = limits;
  }

  /** How many records are held. */
  get held(): number {
    return this.#held.length - this.#position;
  }

  /** Whether {@link forgetSent} would free anything. */
  get remembersSent(): boolean {
    return this.#sentIds.size > 0;
  }

  /** Of records received later than this, everything that was sent out of storage is remembered. */
  get forgottenUpTo(): Timestamp {
    return this.#forgottenUpTo;
  }

  /** Takes note of a record sent as stored; false where no more can be remembered. */
  noteStored(served: ServedRecord): boolean {
    const isRecent = served.receivedAt >= this.recentFrom;
    if (!isRecent && this.#heldIds.size === 0 && this.#sentIds.size >= OLD_IDS_MAX) return true;
    const id = idTextOf(served.record.bytes);
    if (!isRecent && !this.#heldIds.has(id) && this.#sentIds.size >= OLD_IDS_MAX) return true;
    return this.#note(id, served.receivedAt);
  }

  /** Takes note of a record sent that was found later; false where no more can be remembered. */
  noteFound(id: string, { receivedAt }: ServedRecord): boolean {
    return this.#note(id, receivedAt);
  }

  /** Whether a record is remembered as sent out of storage. */
  wasSent(id: string): boolean {
    return this.#sentIds.has(id);
  }

  /** Keeps a record for later; false where no more can be kept. */
  hold(record: HeldRecord): boolean {
    const { heldRecordsMax, heldBytesMax } = this.#limits;
    const { bytes } = record.record;
    if (this.held >= heldRecordsMax || this.#heldBytes + bytes.length > heldBytesMax) return false;
    this.#held.push(record);
    this.#heldBytes += bytes.length;
    this.#heldIds.add(idTextOf(bytes));
    return true;
  }

  /** The oldest held record, which is not held any longer. */
  takeHeld(): HeldRecord | undefined {
    const record = this.#held[this.#position];
    if (record === undefined) return undefined;
    this.#position += 1;
    this.#heldBytes -= record.record.bytes.length;
    if (this.#position === this.#held.length) {
      this.#held = [];
      this.#heldIds.clear();
      this.#position = 0;
    } else if (this.#position >= this.#limits.heldRecordsMax) {
      this.#held = this.#held.slice(this.#position);
      this.#position = 0;
    }
    return record;
  }

  /** Forgets what was sent out of storage: none of it will be published any more. */
  forgetSent(): void {
    this.#sentIds.clear();
    this.#forgottenUpTo = this.#sentUpTo;
  }

  #note(id: string, receivedAt: Timestamp): boolean {
    if (this.#sentIds.size >= this.#limits.seamIdsMax) return false;
    this.#sentIds.add(id);
    if (receivedAt > this.#sentUpTo) this.#sentUpTo = receivedAt;
    return true;
  }
}
