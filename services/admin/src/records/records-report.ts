/** Shows records and removals: for people, or as JSON. What is in a private record is not shown. */
import {
  describeRecord,
  type Json,
  type Paint,
  reportJson,
  reportText,
  safeText,
} from '@mosaic-cluster/client/command';
import { encodeReference, timestampToMillis } from '@mosaic-cluster/protocol';
import type { Removal } from '@mosaic-cluster/role';
import { type FoundRecord, isPrivate } from './find-records.ts';

/** A record, for people. */
export function foundText(found: FoundRecord, removal: Removal | undefined, paint: Paint): string {
  const { role, record, held, place } = found;
  const { segment, offset, bytes } = place;
  const lines = [
    paint.bold(encodeReference(record.id)),
    `  ${role}${held ? ', held for a moderator' : ''}, received ${receivedAt(found)}`,
    `  ${bytes.toLocaleString('en-US')} bytes at byte ${offset} of ${segment}`,
  ];
  if (removal !== undefined) lines.push(`  removed ${removalText(removal)}`);
  if (isPrivate(found)) lines.push('  private: what is in it only its readers are shown');
  else lines.push(...reportText(describeRecord(record), paint));
  return `${lines.join('\n')}\n\n`;
}

/** A record, for programs. */
export function foundJson(
  found: FoundRecord,
  removal: Removal | undefined,
): Readonly<Record<string, Json>> {
  const { role, record, held, place } = found;
  return {
    id: encodeReference(record.id),
    role,
    held,
    private: isPrivate(found),
    receivedAt: receivedAt(found),
    place: { ...place },
    removed: removal === undefined ? null : removalJson(removal),
    record: isPrivate(found) ? null : reportJson(describeRecord(record)),
  };
}

function receivedAt({ receivedAt: timestamp }: FoundRecord): string {
  return new Date(timestampToMillis(timestamp)).toISOString();
}

/** A removal on a line. */
export function removalLine(removal: Removal): string {
  return `${encodeReference(removal.id)}  ${removalText(removal)}\n`;
}

function removalText({ removedBy, reason, removedAtMs }: Removal): string {
  const by = removedBy === '' ? '' : ` by ${safeText(removedBy)}`;
  const why = reason === '' ? '' : `  ${safeText(reason)}`;
  return `${new Date(removedAtMs).toISOString()}${by}${why}`;
}

/** A removal for programs. */
export function removalJson({ id, removedBy, reason, removedAtMs }: Removal): Json {
  return {
    id: encodeReference(id),
    removedBy,
    reason,
    removedAt: new Date(removedAtMs).toISOString(),
  };
}
