/** The audit log: what operators changed, noted together with each change and read in order of time. */
import { FACT_CHANGES_MAX, type Registry } from '@mosaic-cluster/store';
import {
  AUDIT_COLLECTION,
  type AuditEntry,
  auditKeyAt,
  decodePart,
  encodeEntry,
  type NamedEntry,
  nameEntry,
} from './audit-entry.ts';

/** A part of the log: from one moment, included, to another, not included; milliseconds since 1970. */
export interface AuditWindow {
  readonly sinceMs?: number | undefined;
  readonly beforeMs?: number | undefined;
}

/** Facts removed in one call, beside which the entry about it has room. */
const PRUNED_AT_ONCE = 1000;
/** Changes that one call may bring with their entry. */
export const AUDITED_CHANGES_MAX: number = FACT_CHANGES_MAX / 2;

/**
 * The registry with a note of a change: every call that changes something keeps the entry as well, both
 * or neither.
 */
export function audited(registry: Registry, entry: AuditEntry): Registry {
  const noted = encodeEntry(nameEntry(entry));
  return {
    change: (changes) => registry.change([...changes, ...noted]),
    get: (collection, keys) => registry.get(collection, keys),
    peek: (collection, key) => registry.peek(collection, key),
    list: (listing) => registry.list(listing),
    compact: () => registry.compact(),
    fault: () => registry.fault(),
    close: () => registry.close(),
  };
}

/** The entries of a window, oldest first. Throws as `Registry.list`. */
export async function* auditEntries(
  registry: Pick<Registry, 'list'>,
  { sinceMs = 0, beforeMs = Number.MAX_SAFE_INTEGER }: AuditWindow,
): AsyncGenerator<AuditEntry, void, undefined> {
  let name: string | undefined;
  let entry: AuditEntry | undefined;
  let on: string[] = [];
  for (let after: Uint8Array = auditKeyAt(sinceMs), isLast = false; !isLast; ) {
    const { facts, hasMore } = await registry.list({ collection: AUDIT_COLLECTION, after });
    const parts = facts.map(decodePart);
    const wanted = parts.filter((part) => part.entry.atMs < beforeMs);
    for (const part of wanted) {
      if (part.name !== name) {
        if (entry !== undefined) yield { ...entry, on };
        ({ name, entry } = part);
        on = [];
      }
      on.push(...part.entry.on);
    }
    isLast = !hasMore || wanted.length < parts.length;
    after = facts.at(-1)?.key ?? after;
  }
  if (entry !== undefined) yield { ...entry, on };
}

/** What a pruning comes to. */
export interface Pruned {
  readonly entries: number;
  readonly isInEffect: boolean;
}

/**
 * Removes the entries of before a moment. That is noted as well, with what was removed so far, in every
 * call that removes some.
 *
 * @param note the entry about it, given how many entries are gone
 * @throws MosaicError as `Registry.change`: what was noted until then is gone
 */
export async function pruneAudit(
  registry: Registry,
  beforeMs: number,
  note: (entries: number) => AuditEntry,
): Promise<Pruned> {
  const { head } = nameEntry(note(0));
  const collection = AUDIT_COLLECTION;
  let entries = 0;
  let isInEffect = true;
  let lastName: string | undefined;
  for (let after: Uint8Array | undefined; ; ) {
    const page = await registry.list({ collection, after, limit: PRUNED_AT_ONCE });
    const old = page.facts.filter((fact) => decodePart(fact).entry.atMs < beforeMs);
    for (const { name } of old.map(decodePart)) {
      if (name !== lastName) entries += 1;
      lastName = name;
    }
    if (old.length > 0) {
      const named: NamedEntry = { entry: note(entries), head };
      const removals = old.map(({ key }) => ({ collection, key, value: undefined }));
      const changed = await registry.change([...removals, ...encodeEntry(named)]);
      isInEffect &&= changed.isInEffect;
    }
    after = page.facts.at(-1)?.key;
    if (!page.hasMore || old.length < page.facts.length) return { entries, isInEffect };
  }
}
