/** A log as a rebuild is to see it: without what is damaged, or only its beginning. */
import type {
  LogPart,
  LogPosition,
  OnDamage,
  ScannedCommit,
  SegmentLog,
  LogReader,
} from '@mosaic-cluster/store';

/** The log without what is damaged, which is told. */
export function passingDamage(reader: LogReader, onDamage: OnDamage): SegmentLog {
  return withParts(reader, () => reader.wholeParts(onDamage));
}

/** The beginning of a log. */
export interface Beginning {
  readonly log: SegmentLog;
  /** Bytes of the entries that were read so far. */
  bytes(): number;
}

/** The first commits of a log, until they hold so many records. */
export function beginningOf(log: SegmentLog, recordsMax: number): Beginning {
  let left = recordsMax;
  let bytes = 0;
  async function* scan(part: LogPart): AsyncGenerator<ScannedCommit> {
    for await (const commit of part.scan()) {
      if (left <= 0) return;
      left -= commit.entries.length;
      for (const { record } of commit.entries) bytes += record.bytes.length + ENTRY_HEAD_BYTES;
      yield commit;
    }
  }
  async function* parts(): AsyncGenerator<LogPart> {
    for await (const part of log.parts(undefined)) {
      if (left <= 0) return;
      yield { ...part, scan: () => scan(part) };
    }
  }
  return { log: withParts(log, parts), bytes: () => bytes };
}

/** What an entry has beside its record. */
const ENTRY_HEAD_BYTES = 16;

function withParts(
  log: SegmentLog,
  parts: (from: LogPosition | undefined) => AsyncIterable<LogPart>,
): SegmentLog {
  return {
    append: (entries) => log.append(entries),
    peek: (location) => log.peek(location),
    read: (locations) => log.read(locations),
    scan: (from) => log.scan(from),
    parts,
    get end() {
      return log.end;
    },
    get state() {
      return log.state;
    },
    close: () => log.close(),
  };
}
