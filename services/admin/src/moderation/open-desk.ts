/** Opens the moderator's desk: what the inbox of a place holds, and what was decided on it. */
import { usageError } from '@mosaic-cluster/client/command';
import { KeyDirectory, ModerationDecisions, Moderator } from '@mosaic-cluster/role';
import type { Registry } from '@mosaic-cluster/store';
import { freshLog } from '../place/fresh-log.ts';
import { openHolding, type Place } from '../place/place-options.ts';

/** The desk. */
export interface Desk {
  readonly moderator: Moderator;
  readonly decisions: ModerationDecisions;
  close(): Promise<void>;
}

/** Opens it. @throws MosaicError `invalid` (`usage`) where there is no inbox, `unavailable`, `corrupt` */
export async function openDesk(place: Place, registry: Registry): Promise<Desk> {
  const holding = await openHolding(place, undefined);
  const inbox = holding.roles.find(({ role }) => role === 'inbox');
  const why = inbox === undefined ? 'no inbox is kept' : holding.noIndex?.why;
  if (inbox?.index === undefined) {
    await holding.close();
    const remedy = 'Records that wait are in the inbox, and found by its index.';
    throw usageError('moderation', `${why ?? 'there is no index'} in ${holding.name}`, remedy);
  }
  const sources = holding.scheduleSources.map(({ index, log }) => ({ index, log: freshLog(log) }));
  const decisions = new ModerationDecisions(registry);
  return {
    decisions,
    moderator: new Moderator({
      index: inbox.index,
      log: freshLog(inbox.log),
      directory: new KeyDirectory(sources),
      decisions,
      // A server that runs publishes what is approved, as soon as it sees the decision.
      bus: undefined,
    }),
    close: () => holding.close(),
  };
}
