/** A log as a rebuild is to see it: without what is damaged, or only its beginning. */
import type {
  LogPart,
  LogPosition,
  OnDamage,
  ScannedCommit,
  SegmentLog,
  SegmentLogReader,
} from '@mosaic-cluster/store';

/** The log without what is damaged, which is told. */
export function passingDamage(reader: SegmentLogReader, onDamage: OnDamage): SegmentLog {
  return withParts(reader, () => reader.wholeParts(onDamage));
}

/** The first commits of the log, until they hold so many records. */
export function beginningOf(log: SegmentLog, recordsMax: number): SegmentLog {
  return withParts(log, async function* () {
    let left = recordsMax;
    for await (const part of log.parts(undefined)) {
      if (left <= 0) return;
      yield {
        ...part,
        async *scan(): AsyncGenerator<ScannedCommit> {
          for await (const commit of part.scan()) {
            if (left <= 0) return;
            left -= commit.entries.length;
            yield commit;
          }
        },
      };
    }
  });
}

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
