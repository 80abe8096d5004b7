/** Names the paths on which an index finds a record, for those who check that it does. */
import { KEY_BYTES, type RecordView, readU16 } from '@mosaic-cluster/protocol';
import { attestedSubkeys, isOddNotify } from './index-path.ts';
import type { IndexPath } from './record-index.ts';

/**
 * Every path that the record is on by what it says, path `all` first: all but `held`, of which a
 * moderator decides. Views of the record's bytes.
 */
export function indexPathsOf(record: RecordView): IndexPath[] {
  const { author, kind, address, signingKey, bytes } = record;
  const paths: IndexPath[] = [
    { path: 'all' },
    { path: 'received' },
    { path: 'address', address },
    { path: 'author', author },
    { path: 'author-kind', author, kind },
    { path: 'kind', kind },
  ];
  if (!record.signedByAuthor) paths.push({ path: 'signing-key', signingKey });
  for (const { start } of record.tags()) {
    const end = start + readU16(bytes, start);
    paths.push({ path: 'tag', tag: bytes.subarray(start + 2, end) });
    if (isOddNotify(bytes, start, end)) {
      paths.push({ path: 'odd-notify', notified: bytes.subarray(end - KEY_BYTES, end) });
    }
  }
  if (!record.isKeySchedule) return paths;
  for (const subkey of attestedSubkeys(record.payload)) paths.push({ path: 'subkey', subkey });
  return paths;
}
