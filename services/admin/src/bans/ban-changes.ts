/** What adding to and taking from a list of addresses and keys means: those banned, or those allowed. */
import { type BanCollection, Bans, type BanSubject } from '@mosaic-cluster/abuse';
import type { ListedChange } from '../change/change-listed.ts';
import type { Facts } from '../place/open-facts.ts';

/** What becomes of a subject to add; `changed`: it has another end or reason now. */
export type AddOutcome = 'added' | 'changed' | 'unchanged';
/** What becomes of a subject to take out. */
export type RemoveOutcome = 'removed' | 'not-listed';

/** For how long, and why. */
export interface BanTerms {
  /** Milliseconds since 1970; undefined: until it is taken out. */
  readonly untilMs: number | undefined;
  readonly reason: string;
}

/** A list of the registry and what commands on it are called. */
export interface BanList {
  readonly collection: BanCollection;
  /** Of the command: `bans` or `allow`. */
  readonly name: string;
}

/** Adds subjects, or gives them other terms. What stands behind one in a file is its reason. */
export function subjectsAdded(
  { name, collection }: BanList,
  { registry }: Facts,
  by: string,
  { untilMs, reason }: BanTerms,
): ListedChange<BanSubject, AddOutcome> {
  return {
    action: `${name} add`,
    detail: [untilMs && `until ${new Date(untilMs).toISOString()}`, reason]
      .filter(Boolean)
      .join(': '),
    idle: new Set(['unchanged']),
    look: async (some) => {
      const found = await new Bans(registry, collection).find(some.map(({ value }) => value));
      return some.map(({ remark = reason }, i) => {
        const ban = found[i];
        if (ban === undefined) return 'added';
        return ban.untilMs === untilMs && ban.reason === remark ? 'unchanged' : 'changed';
      });
    },
    make: (audited, some) =>
      new Bans(audited, collection).add(
        some.map(({ value: subject, remark = reason }) => {
          return { subject, untilMs, reason: remark, addedBy: by };
        }),
      ),
  };
}

/** Takes subjects out: exactly these, not what is inside or around them. */
export function subjectsRemoved(
  { name, collection }: BanList,
  { registry }: Facts,
): ListedChange<BanSubject, RemoveOutcome> {
  return {
    action: `${name} remove`,
    detail: '',
    idle: new Set(['not-listed']),
    look: async (some) => {
      const found = await new Bans(registry, collection).find(some.map(({ value }) => value));
      return found.map((ban) => (ban === undefined ? 'not-listed' : 'removed'));
    },
    make: (audited, some) => new Bans(audited, collection).remove(some.map(({ value }) => value)),
  };
}
