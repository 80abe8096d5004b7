/** A log on an object store with an index on Redis, for tests of compaction: time passes when they say so. */
import { hexEncode, type RecordView } from '@mosaic-cluster/protocol';
import type { ObjectStore } from '../object-store.ts';
import { createRedisIndex, type RedisRecordIndex } from '../record-index-redis.ts';
import type { RedisConnection } from '../redis-connection.ts';
import type { LogEntry } from '../segment-log.ts';
import { type ObjectSegmentLog, openObjectSegmentLog } from '../segment-log-objects.ts';
import { compactSegments } from './compact-segments.ts';
import type { CompactionOptions, CompactionResult, LeavingRecord } from './compaction.ts';
import type { LeftOutReason } from './join-format.ts';

/** Milliseconds of an hour. */
export const HOUR_MS = 3_600_000;

/** What a test works on. */
export class CompactedRole {
  readonly store: ObjectStore;
  readonly connection: RedisConnection;
  readonly role: string;
  readonly index: RedisRecordIndex;
  nowMs = 1_790_000_000_000;
  readonly clock: { now(): number } = { now: () => this.nowMs };
  /** Why records are not wanted any more, by ID. */
  readonly leaving: Map<string, LeftOutReason> = new Map();
  #log: ObjectSegmentLog | undefined;

  constructor(store: ObjectStore, connection: RedisConnection, role: string) {
    this.store = store;
    this.connection = connection;
    this.role = role;
    this.index = createRedisIndex({ connection, name: role });
  }

  get log(): ObjectSegmentLog {
    if (this.#log === undefined) throw new Error('the log is not open');
    return this.#log;
  }

  /** Opens the log anew, with nothing remembered. */
  async open(options: { cacheBytesMax?: number } = {}): Promise<void> {
    await this.#log?.close();
    const { store, role, clock } = this;
    const bounds = { commitIntervalMs: 0, readTimeoutMs: 60_000, ...options };
    this.#log = await openObjectSegmentLog({ store, role, clock, ...bounds });
  }

  /** Stores records as a worker does: one segment a call. */
  async commit(records: readonly RecordView[]): Promise<void> {
    const entries: LogEntry[] = records.map((record) => {
      return { record, receivedAt: BigInt(this.nowMs) * 1_000_000n, held: false };
    });
    const { locations, end } = await this.log.append(entries);
    for (const [i, entry] of entries.entries()) {
      const path = { path: 'address', address: entry.record.address } as const;
      const [holder] =
        entry.record.duplicateHandling === 'replaceable'
          ? await this.index.scan(path, { limit: 1 })
          : [];
      const [replaces] = holder === undefined ? [] : await this.log.read([holder.location]);
      const addition = { ...entry, location: locations[i]! };
      await this.index.add([replaces === undefined ? addition : { ...addition, replaces }], end);
    }
    if ((await this.index.appliedTo()) === undefined) await this.index.markWhole(end);
    this.nowMs += 1;
  }

  compact(options: Partial<CompactionOptions> = {}): Promise<CompactionResult> {
    const { store, role, index, clock } = this;
    const mayGo = async (
      records: readonly LeavingRecord[],
    ): Promise<(LeftOutReason | undefined)[]> =>
      records.map(({ id }) => this.leaving.get(hexEncode(id)));
    return compactSegments({ store, role, index, clock, mayGo, ...options });
  }

  /** Records of these that the index finds and the log has, as hex of their IDs. */
  async found(records: readonly RecordView[]): Promise<string[]> {
    const entries = await this.index.lookup(records.map(({ id }) => id));
    const locations = entries.flatMap((entry) => (entry === undefined ? [] : [entry.location]));
    return (await this.log.read(locations)).map(({ record }) => hexEncode(record.id));
  }

  /** Names of objects below a prefix, without it. */
  async names(prefix: string): Promise<string[]> {
    const whole = `${prefix}/${this.role}/`;
    const { objects } = await this.store.list({ prefix: whole });
    return objects.map(({ key }) => key.slice(whole.length));
  }

  async close(): Promise<void> {
    await this.#log?.close();
    await this.index.close();
  }
}
