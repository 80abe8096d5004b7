/**
 * How every command changes facts: what is named is looked at and changed in pieces, each piece in one call
 * of the registry that also keeps its entry of the audit log.
 */
import type { Changed, Registry } from '@mosaic-cluster/store';
import { audited } from '../audit/audit-log.ts';
import type { Facts } from '../place/open-facts.ts';
import { inPieces, type Listed } from './read-list.ts';

/** Where, by whom, and whether for real. */
export interface ChangeContext {
  readonly facts: Facts;
  readonly by: string;
  readonly isDry: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A change to what is listed. */
export interface ListedChange<Value, Outcome extends string> {
  /** For the audit log: the command, such as `users add`. */
  readonly action: string;
  /** For the audit log: what it was told besides. */
  readonly detail: string;
  /** What becomes of each, in order; at most 1,000 are asked about at once. */
  readonly look: (some: readonly Listed<Value>[]) => Promise<readonly Outcome[]>;
  /** Outcomes that are no change. */
  readonly idle: ReadonlySet<Outcome>;
  /** Makes the change, by one call of the registry. */
  readonly make: (registry: Registry, some: readonly Listed<Value>[]) => Promise<Changed>;
}

/** What became of one, or would become. */
export interface ItemResult {
  /** As commands show it. */
  readonly on: string;
  readonly outcome: string;
}

/** What a change came to. */
export interface ChangeResult {
  readonly results: readonly ItemResult[];
  /** Undefined: nothing was changed. */
  readonly changed: Changed | undefined;
}

/** Items looked at and changed in one call. */
const PIECE = 1000;

/**
 * Changes what is listed, unless it is a dry run. When it throws, earlier pieces are changed and noted;
 * doing it again is safe.
 *
 * @throws MosaicError as `Registry.change` and what looking throws
 */
export async function changeListed<Value, Outcome extends string>(
  { facts, by, isDry, now }: ChangeContext,
  list: readonly Listed<Value>[],
  { action, detail, look, idle, make }: ListedChange<Value, Outcome>,
): Promise<ChangeResult> {
  const results: ItemResult[] = [];
  let changed: Changed | undefined;
  for (const piece of inPieces(list, PIECE)) {
    const outcomes = await look(piece);
    const isChange = (i: number): boolean => !idle.has(outcomes[i]!);
    const some = piece.filter((_, i) => isChange(i));
    if (some.length > 0 && !isDry) {
      const registry = audited(facts.registry, {
        atMs: now(),
        by,
        action,
        on: some.map(({ shown }) => shown),
        detail,
        result: tally(outcomes.filter((_, i) => isChange(i))),
      });
      changed = both(changed, await make(registry, some));
    }
    results.push(...piece.map(({ shown }, i) => ({ on: shown, outcome: outcomes[i]! })));
  }
  return { results, changed };
}

/** Two changes as one: in effect where both are. */
export function both(before: Changed | undefined, after: Changed): Changed {
  return { ...after, isInEffect: after.isInEffect && before?.isInEffect !== false };
}

/** `3 added, 1 noted`. */
export function tally(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, n]) => `${n.toLocaleString('en-US')} ${word}`).join(', ');
}
