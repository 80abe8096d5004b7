/** Shows what waits for a moderator: for people, or as JSON. */
import {
  describeRecord,
  type Json,
  type Paint,
  recordText,
  reportJson,
  reportText,
  safeText,
} from '@mosaic-cluster/client/command';
import {
  encodeReference,
  encodeUserKey,
  type RecordView,
  type Timestamp,
  timestampToMillis,
} from '@mosaic-cluster/protocol';
import { type ModeratedRecord, notifiedKeys } from '@mosaic-cluster/role';

/** A record in a list, for people. */
export function heldText({ record, receivedAt }: ModeratedRecord, paint: Paint): string {
  return `${recordText(record, paint)}  ${paint.dim(`received ${isoOf(receivedAt)}`)}\n`;
}

/** A record in a list, for programs. */
export function heldJson({ record, receivedAt }: ModeratedRecord): Json {
  return {
    id: encodeReference(record.id),
    author: encodeUserKey(record.author),
    notifies: notifiedKeys(record).map((key) => encodeUserKey(key)),
    receivedAt: isoOf(receivedAt),
    bytes: record.bytes.length,
  };
}

/** A record whole, for people. */
export function shownText(shown: ModeratedRecord, paint: Paint): string {
  const lines = [
    paint.bold(encodeReference(shown.record.id)),
    `  ${stateOf(shown)}, received ${isoOf(shown.receivedAt)}`,
    ...recordLines(shown.record, paint),
  ];
  return `${lines.join('\n')}\n`;
}

/** What a record says. */
export function recordLines(record: RecordView, paint: Paint): string[] {
  return reportText(describeRecord(record), paint);
}

/** A record whole, for programs. */
export function shownJson({
  record,
  receivedAt,
  held,
  decision,
}: ModeratedRecord): Readonly<Record<string, Json>> {
  return {
    id: encodeReference(record.id),
    held,
    decision: decision?.decision ?? null,
    decidedBy: decision?.decidedBy ?? null,
    decidedAt: decision === undefined ? null : new Date(decision.decidedAtMs).toISOString(),
    receivedAt: isoOf(receivedAt),
    record: reportJson(describeRecord(record)),
  };
}

function stateOf({ held, decision }: ModeratedRecord): string {
  if (!held) return 'not held';
  if (decision === undefined) return 'waits for a decision';
  const { decidedBy, decidedAtMs } = decision;
  const by = decidedBy === '' ? '' : ` by ${safeText(decidedBy)}`;
  return `${decision.decision}${by} ${new Date(decidedAtMs).toISOString()}`;
}

/** A moment for people and programs, to the millisecond. */
export function isoOf(timestamp: Timestamp): string {
  return new Date(timestampToMillis(timestamp)).toISOString();
}
