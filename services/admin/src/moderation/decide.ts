/** What approving and rejecting means for each record. */
import { type Reference } from '@mosaic-cluster/protocol';
import { type Decision, ModerationDecisions } from '@mosaic-cluster/role';
import type { ListedChange } from '../change/change-listed.ts';
import type { Desk } from './open-desk.ts';

/** What becomes of a record; `not-held`: it never waited, and nobody needs to decide on it. */
export type DecideOutcome = Decision | 'decided-so-already' | 'not-held' | 'not-found';

/**
 * Decides on records that the inbox holds. What was decided before may be decided otherwise.
 *
 * @param by noted with each decision
 */
export function decided(
  { moderator }: Desk,
  decision: Decision,
  by: string,
): ListedChange<Reference, DecideOutcome> {
  return {
    action: decision === 'approved' ? 'moderation approve' : 'moderation reject',
    detail: '',
    idle: new Set(['decided-so-already', 'not-held', 'not-found']),
    look: async (some) => {
      const shown = await moderator.show(some.map(({ value }) => value));
      return shown.map((each) => {
        if (each === undefined) return 'not-found';
        if (!each.held) return 'not-held';
        return each.decision?.decision === decision ? 'decided-so-already' : decision;
      });
    },
    make: (audited, some) => {
      const ids = some.map(({ value }) => value);
      return new ModerationDecisions(audited).decide(ids, decision, by);
    },
  };
}
