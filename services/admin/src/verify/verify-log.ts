/**
 * From the log to the index: every checksum, every record by itself, and whether the index finds it
 * where it is.
 */
import { compareBytes, hexDecode, hexEncode } from '@mosaic-cluster/protocol';
import { isLogStart, type LogPosition, type ScannedEntry } from '@mosaic-cluster/store';
import { IndexChecks } from './index-checks.ts';
import { type RoleContext, tell, tellDamage } from './role-context.ts';

/** What an entry of a segment has beside its record, near enough for a progress bar. */
const ENTRY_HEAD_BYTES = 16;
/** Records that are checked at a time. */
const BATCH_RECORDS = 1024;
/** Bytes of records that are checked at a time; one more record always fits. */
const BATCH_BYTES = 8 * 1024 * 1024;

interface Batch {
  readonly entries: ScannedEntry[];
  /** Per entry, behind its commit. */
  readonly ends: LogPosition[];
  bytes: number;
}

/** Verifies the segments of a role, from where the state says. */
export async function verifyLog(context: RoleContext): Promise<void> {
  const { holding, state } = context;
  const { log } = holding;
  if (state.position === undefined) tellTail(context);
  const from = state.position === undefined ? undefined : hexDecode(state.position);
  const total = (await log.totals()).bytes;
  const index = holding.index && new IndexChecks(context, holding.index);
  let batch = newBatch();
  /** Records since the state was last exact. */
  let since = 0;
  const finish = async (): Promise<void> => {
    await verifyBatch(context, index, batch);
    state.counts.bytes += batch.bytes;
    batch = newBatch();
  };
  for await (const { entries, end } of log.walk(from, (damage) => tellDamage(context, damage))) {
    for (const entry of entries) {
      if (isFull(batch)) await finish();
      batch.entries.push(entry);
      batch.ends.push(end);
      batch.bytes += entry.record.bytes.length + ENTRY_HEAD_BYTES;
    }
    state.counts.commits += 1;
    since += entries.length;
    if (since < BATCH_RECORDS && !isFull(batch)) continue;
    await finish();
    since = 0;
    state.position = hexEncode(end);
    await context.pause(state.counts.bytes, total, state.counts.records);
  }
  await finish();
}

function newBatch(): Batch {
  return { entries: [], ends: [], bytes: 0 };
}

function isFull({ entries, bytes }: Batch): boolean {
  return entries.length >= BATCH_RECORDS || bytes >= BATCH_BYTES;
}

/** What the end of the log and the index's idea of it say about each other. */
function tellTail(context: RoleContext): void {
  const { log, appliedBefore } = context.holding;
  if (isLogStart(appliedBefore)) return;
  const { end, tornTail } = log;
  if (end !== undefined && compareBytes(appliedBefore, end) <= 0) return;
  const what =
    tornTail === undefined
      ? 'the index has followed the log further than the log reaches'
      : `${tornTail.segment} ends in ${tornTail.bytes} bytes that are no commit, at byte ${tornTail.offset}, though the index knows what was there`;
  const place =
    tornTail === undefined ? {} : { segment: tornTail.segment, offset: tornTail.offset };
  tell(context, { kind: 'log-behind-index', what, ...place });
}

async function verifyBatch(
  context: RoleContext,
  index: IndexChecks | undefined,
  { entries, ends }: Batch,
): Promise<void> {
  if (entries.length === 0) return;
  const { checks, state, holding } = context;
  const checking = checks.check(entries.map(({ record }) => record));
  // Whoever waits for it gets the failure; the index may fail first.
  checking.catch(() => undefined);
  await index?.check(entries, ends);
  const { verdicts, signatures } = await checking;
  state.counts.records += entries.length;
  state.counts.signatures += signatures;
  verdicts.forEach((verdict, i) => {
    if (verdict === undefined) return;
    const { record, location } = entries[i]!;
    const { segment, offset } = holding.log.place(location);
    tell(context, {
      kind: 'record-invalid',
      what: `${hexEncode(record.id)} in ${segment} at byte ${offset}: ${verdict.message}`,
      segment,
      offset,
      id: hexEncode(record.id),
    });
  });
}
