/**
 * Joins a subscription's stored records to its live ones. Live records that arrive too early are
 * held; what was sent as stored is remembered until it cannot arrive live any more.
 */
import type { LiveRecord, ServedRecord } from '@mosaic-cluster/bus';
import type { Timestamp } from '@mosaic-cluster/protocol';
import { textOf } from './key-text.ts';
import type { GatewayLimits } from './limits.ts';

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

/** One subscription's seam. */
export class Seam {
  readonly #limits: GatewayLimits;
  readonly #recentFrom: Timestamp;
  readonly #storedIds = new Set<string>();
  readonly #heldIds = new Set<string>();
  #held: LiveRecord[] = [];
  #heldBytes = 0;
  #position = 0;

  /** @param recentFrom records received from then on may still be published */
  constructor(recentFrom: Timestamp, limits: GatewayLimits) {
    this.#recentFrom = recentFrom;
    this.#limits = limits;
  }

  /** How many live records are held. */
  get held(): number {
    return this.#held.length - this.#position;
  }

  /** Whether {@link forgetStored} would free anything. */
  get remembersStored(): boolean {
    return this.#storedIds.size > 0;
  }

  /** Takes note of a record sent as stored; false where no more can be remembered. */
  noteStored(served: ServedRecord): boolean {
    const isRecent = served.receivedAt >= this.#recentFrom;
    if (!isRecent && this.#heldIds.size === 0 && this.#storedIds.size >= OLD_IDS_MAX) return true;
    const id = idTextOf(served.record.bytes);
    if (!isRecent && !this.#heldIds.has(id) && this.#storedIds.size >= OLD_IDS_MAX) return true;
    if (this.#storedIds.size >= this.#limits.seamIdsMax) return false;
    this.#storedIds.add(id);
    return true;
  }

  /** Whether a record is remembered as sent. */
  wasStored(id: string): boolean {
    return this.#storedIds.has(id);
  }

  /** Keeps a live record for later; false where no more can be kept. */
  hold(live: LiveRecord): boolean {
    const { heldRecordsMax, heldBytesMax } = this.#limits;
    const bytes = live.record.bytes.length;
    if (this.held >= heldRecordsMax || this.#heldBytes + bytes > heldBytesMax) return false;
    this.#held.push(live);
    this.#heldBytes += bytes;
    this.#heldIds.add(idTextOf(live.record.bytes));
    return true;
  }

  /** The oldest held record, which is not held any longer. */
  takeHeld(): LiveRecord | undefined {
    const live = this.#held[this.#position];
    if (live === undefined) return undefined;
    this.#position += 1;
    this.#heldBytes -= live.record.bytes.length;
    if (this.#position === this.#held.length) {
      this.#held = [];
      this.#heldIds.clear();
      this.#position = 0;
    } else if (this.#position >= this.#limits.heldRecordsMax) {
      this.#held = this.#held.slice(this.#position);
      this.#position = 0;
    }
    return live;
  }

  /** Forgets what was stored: none of it will be published any more. */
  forgetStored(): void {
    this.#storedIds.clear();
  }
}
