/** What the tests of buses have in common: ends, roles that do little, records, and who hears them. */
import { createHash } from 'node:crypto';
import { buildFilter, type RecordView, RESULT, type Timestamp } from '@mosaic-cluster/protocol';
import type { Bus, LiveRecord, Page, PageBudget, RoleService } from './contract.ts';
import { fakeKey } from '@mosaic-cluster/protocol/testing';

/** A bus for a test, with one end at a worker and one at a gateway. */
export interface BusUnderTest {
  readonly worker: Bus;
  readonly gateway: Bus;
  destroy(): Promise<void>;
}

export const BUDGET: PageBudget = { records: 64, bytes: 65_536, scanned: 1024 };
export const FILTER = buildFilter([{ name: 'authors', keys: [fakeKey(1)] }]);
export const EMPTY: Page = { records: [], next: undefined, below: undefined };

/** A role that does nothing, but for what a test gives it. */
export function fakeRole(more: Partial<RoleService> = {}): RoleService {
  return {
    submit: async (submissions) => submissions.map(() => RESULT.ACCEPTED),
    query: async () => EMPTY,
    get: async () => EMPTY,
    identities: async (key) => [key],
    ...more,
  };
}

/** A live record of the outbox. */
export function liveRecord(record: RecordView, more: Partial<LiveRecord> = {}): LiveRecord {
  return {
    role: 'outbox',
    record,
    receivedAt: 1_700_000_000_000_000_000n,
    ...more,
    readers: more.readers,
  };
}

/** Waits until something is so; fails with what was seen instead. */
export async function until<T>(look: () => T, isSo: (seen: T) => boolean, ms = 10_000): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const seen = look();
    if (isSo(seen)) return seen;
    if (performance.now() > deadline) throw new Error(`waited in vain, saw ${String(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Serials of the records that a listener heard, in order. */
export class Heard {
  readonly records: LiveRecord[] = [];
  readonly gaps: Timestamp[] = [];
  /** Subscribers that each record reaches. */
  reaches = 1;

  readonly handler = (records: readonly LiveRecord[]): number[] => {
    this.records.push(...records);
    return records.map(() => this.reaches);
  };

  readonly onGap = (since: Timestamp): void => {
    this.gaps.push(since);
  };

  serialsOf(isWanted: (record: RecordView) => boolean = () => true): number[] {
    return this.records
      .filter(({ record }) => isWanted(record))
      .map(({ record }) => serialOf(record));
  }
}

/** What tells fake records apart. */
export function serialOf({ bytes }: RecordView): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
}

/** Compares large records without printing them. */
export function hashOf({ bytes }: RecordView): string {
  return createHash('sha256').update(bytes).digest('hex');
}
