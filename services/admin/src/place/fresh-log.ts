/** Reads a log that grows while it is read: an index may lead to what was written after the log was opened. */
import type { LogReader, SegmentLog } from '@mosaic-cluster/store';

/** Looks at the log again where a location lies behind what it knew. */
export function freshLog(log: LogReader): Pick<SegmentLog, 'peek' | 'read'> {
  return {
    peek: (location) => log.peek(location),
    read: async (locations) => {
      if (locations.some((location) => log.isBeyond(location))) await log.refresh();
      return log.read(locations);
    },
  };
}
