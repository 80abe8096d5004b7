/** What is held, by role: how much, since when, and how much waits for a moderator. */
import { interruptedError } from '@mosaic-cluster/client/command';
import { kindName, KIND_BYTES, readU64BE, timestampToMillis } from '@mosaic-cluster/protocol';
import type { LogReader, RecordIndex } from '@mosaic-cluster/store';
import type { Holding, RoleHolding } from '../place/holding.ts';
import type { Progress } from '../output/progress.ts';

/** A kind and how often it is there. */
export interface KindCount {
  /** 8 bytes in hex. */
  readonly kind: string;
  /** Undefined: the specification has none for it. */
  readonly name: string | undefined;
  readonly records: number;
  /** Of the records. */
  readonly bytes: number;
}

/** What is held for a role. */
export interface RoleStats {
  readonly segments: number;
  readonly bytes: number;
  /** In segments, replaced ones included. Undefined: only reading everything could tell. */
  readonly records: number | undefined;
  /** Found by the index; undefined: there is no index. */
  readonly indexed: number | undefined;
  /** Of those, the ones that wait for a moderator. */
  readonly held: number | undefined;
  /** Whether the index answers everything; undefined: there is none. */
  readonly isIndexWhole: boolean | undefined;
  /** Bytes of segments for each record. */
  readonly bytesPerRecord: number | undefined;
  /** When the first and the last record came in, as ISO text. */
  readonly oldest: string | undefined;
  readonly newest: string | undefined;
  /** Most frequent first; undefined: nobody asked. */
  readonly kinds: readonly KindCount[] | undefined;
}

/** What is held. */
export interface Stats {
  readonly roles: Readonly<Record<string, RoleStats>>;
  /** Of all indexes, on disk; undefined: they are not on a disk of their own. */
  readonly indexBytes: number | undefined;
}

/** What to find out. */
export interface StatsOptions {
  readonly holding: Holding;
  /** Kinds to tell of each role; 0: none, and the segments are not read. */
  readonly kinds: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

const PAGE_ENTRIES = 1000;
/** Kinds that are counted by themselves; anybody can make up more. */
const KINDS_MAX = 100_000;

/** Finds out. @throws MosaicError `closed` (`interrupted`), `unavailable` */
export async function collectStats(options: StatsOptions): Promise<Stats> {
  const roles: Record<string, RoleStats> = {};
  for (const each of options.holding.roles) roles[each.role] = await roleStats(each, options);
  return { roles, indexBytes: await options.holding.indexBytes() };
}

async function roleStats(
  { role, log, index }: RoleHolding,
  options: StatsOptions,
): Promise<RoleStats> {
  const { segments, bytes, entries } = await log.totals();
  const indexed = await index?.count();
  const records = entries ?? indexed;
  const perRecord = records === undefined || records === 0 ? undefined : bytes / records;
  return {
    segments,
    bytes,
    records: entries,
    indexed,
    held: index === undefined ? undefined : await countHeld(index),
    isIndexWhole: index === undefined ? undefined : (await index.appliedTo()) !== undefined,
    bytesPerRecord: perRecord === undefined ? undefined : Math.round(perRecord),
    oldest: await oldestIn(log),
    newest: index === undefined ? undefined : await newestIn(index),
    kinds: options.kinds === 0 ? undefined : await countKinds(role, log, bytes, options),
  };
}

async function countHeld(index: RecordIndex): Promise<number> {
  let held = 0;
  let below: Uint8Array | undefined;
  for (;;) {
    const page = await index.scan({ path: 'held' }, { below, limit: PAGE_ENTRIES });
    held += page.length;
    below = page.at(-1)?.position;
    if (page.length < PAGE_ENTRIES) return held;
  }
}

async function oldestIn(log: LogReader): Promise<string | undefined> {
  for await (const { entries } of log.walk(undefined, () => {})) {
    return momentOf(entries[0]!.receivedAt);
  }
  return undefined;
}

async function newestIn(index: RecordIndex): Promise<string | undefined> {
  const [entry] = await index.scan({ path: 'received' }, { limit: 1 });
  return entry === undefined ? undefined : momentOf(readU64BE(entry.position, 0));
}

function momentOf(timestamp: bigint): string {
  return new Date(timestampToMillis(timestamp)).toISOString();
}

async function countKinds(
  role: string,
  log: LogReader,
  bytesTotal: number,
  { kinds, signal, onProgress }: StatsOptions,
): Promise<KindCount[]> {
  const counts = new Map<string, { records: number; bytes: number }>();
  let done = 0;
  let records = 0;
  for await (const { entries } of log.walk(undefined, () => {})) {
    for (const { record } of entries) {
      const { length } = record.bytes;
      const kind = Buffer.from(record.kind).toString('hex');
      const name = counts.has(kind) || counts.size < KINDS_MAX ? kind : OTHERS;
      const known = counts.get(name);
      counts.set(name, {
        records: (known?.records ?? 0) + 1,
        bytes: (known?.bytes ?? 0) + length,
      });
      done += length;
    }
    records += entries.length;
    onProgress({ what: `${role}: counting kinds`, done, total: bytesTotal, records });
    if (signal.aborted) throw interruptedError();
  }
  return [...counts]
    .sort(([, a], [, b]) => b.records - a.records)
    .slice(0, kinds)
    .map(([kind, count]) => ({ kind, name: nameOf(kind), ...count }));
}

const OTHERS = 'others';

function nameOf(kind: string): string | undefined {
  return kind.length === 2 * KIND_BYTES ? kindName(Buffer.from(kind, 'hex')) : undefined;
}
