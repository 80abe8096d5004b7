/**
 * Keeps the order in which a client says "this is my key" and "this is by my key". Roles are many
 * processes, so a record that overtakes the key schedule it depends on would be refused. It is held
 * here until the schedules that its connection sent before it are answered.
 *
 * Only the connection's own schedules count: nobody can hold up others with schedules that he forged.
 * A schedule waits for nothing, and a record for what came before it: nobody waits in a circle.
 */
import { equalBytes, RESULT, type ResultCode } from '@mosaic-cluster/protocol';
import { FairShare, halfFree } from '../sharing/fair-share.ts';
import { textOf } from '../key-text.ts';
import type { GatewayLimits } from '../limits.ts';
import type { SubmissionOwner } from './pending-submission.ts';
import type { RoutedSubmission } from './router.ts';

/** A record that waits no longer. */
export interface Released {
  readonly submission: RoutedSubmission;
  /** What it is answered with; undefined: it goes to its role. */
  readonly refusal: ResultCode | undefined;
}

interface Held {
  readonly submission: RoutedSubmission;
  /** The number of the last schedule before it. */
  readonly behind: number;
  /** As whom it was counted. */
  readonly sharesAs: string;
}

/** What one connection sent of one author. */
interface Line {
  /** Schedules without an answer and their numbers, in order. */
  readonly schedules: Map<RoutedSubmission, number>;
  /** The number of the last of them. */
  last: number;
  readonly held: Held[];
}

/** See {@link FairShare}; the table of limits says it to people. */
const HELD_PARTS = 16;

/** Holds records that depend on key schedules under way. */
export class ScheduleOrder {
  /** By connection, by author; only while a schedule is under way. */
  readonly #lines = new Map<SubmissionOwner, Map<string, Line>>();
  #count = 0;
  readonly #heldRecords: FairShare;
  readonly #heldBytes: FairShare;

  constructor(limits: Pick<GatewayLimits, 'dependentRecordsMax' | 'dependentBytesMax'>) {
    this.#heldRecords = new FairShare(halfFree(limits.dependentRecordsMax, HELD_PARTS));
    this.#heldBytes = new FairShare(halfFree(limits.dependentBytesMax, HELD_PARTS));
  }

  /** Takes note of a key schedule that is on its way to a role. */
  forwarded(schedule: RoutedSubmission): void {
    const author = textOf(schedule.record.author);
    const lines = this.#lines.get(schedule.owner) ?? new Map<string, Line>();
    const line = lines.get(author) ?? { schedules: new Map(), last: 0, held: [] };
    this.#count += 1;
    line.schedules.set(schedule, this.#count);
    line.last = this.#count;
    lines.set(author, line);
    this.#lines.set(schedule.owner, lines);
  }

  /**
   * Holds a record that depends on a schedule under way.
   *
   * @returns `free`: it depends on none; `full`: it does, and there is no room to hold it
   */
  hold(submission: RoutedSubmission): 'held' | 'free' | 'full' {
    if (this.#lines.size === 0 || !isDependent(submission)) return 'free';
    const { record, owner } = submission;
    const line = this.#lines.get(owner)?.get(textOf(record.author));
    if (line === undefined) return 'free';
    const { sharesAs } = owner;
    const { length } = record.bytes;
    const hasRoom =
      this.#heldRecords.hasRoom(sharesAs, 1) && this.#heldBytes.hasRoom(sharesAs, length);
    if (!hasRoom) return 'full';
    this.#heldRecords.take(sharesAs, 1);
    this.#heldBytes.take(sharesAs, length);
    line.held.push({ submission, behind: line.last, sharesAs });
    return 'held';
  }

  /**
   * Takes the answer to a key schedule.
   *
   * @returns what it held up, in order. Where a schedule should be sent again, so should that
   */
  answered(schedule: RoutedSubmission, result: ResultCode): readonly Released[] {
    const author = textOf(schedule.record.author);
    const lines = this.#lines.get(schedule.owner);
    const line = lines?.get(author);
    const number = line?.schedules.get(schedule);
    if (lines === undefined || line === undefined || number === undefined) return [];
    line.schedules.delete(schedule);
    if (line.schedules.size === 0) lines.delete(author);
    if (lines.size === 0) this.#lines.delete(schedule.owner);
    const [oldest = Number.POSITIVE_INFINITY] = line.schedules.values();
    const isTemporary = result === RESULT.TEMPORARY_ERROR || result === RESULT.TOO_FAST;
    const [first] = line.held;
    if (first === undefined || (!isTemporary && first.behind >= oldest)) return [];
    const released: Released[] = [];
    const release = ({ submission, sharesAs }: Held, refusal: ResultCode | undefined): void => {
      released.push({ submission, refusal });
      this.#heldRecords.give(sharesAs, 1);
      this.#heldBytes.give(sharesAs, submission.record.bytes.length);
    };
    const held = line.held.splice(0);
    for (const each of held) {
      const refusal = isTemporary && each.behind >= number ? result : undefined;
      if (refusal === undefined && each.behind >= oldest) line.held.push(each);
      else release(each, refusal);
    }
    return released;
  }
}

/** Whether its author's key schedule decides about a record. */
function isDependent({ record, submitter }: RoutedSubmission): boolean {
  if (record.isKeySchedule) return false;
  if (!record.signedByAuthor) return true;
  return record.fromAuthor && submitter !== undefined && !equalBytes(submitter, record.author);
}
