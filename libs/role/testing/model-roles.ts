/** What roles owe their users, said as naively as possible: lists, searched from end to end. */
import type { RoleName } from '@mosaic-cluster/bus';
import {
  compareBytes,
  compileFilter,
  equalBytes,
  type FilterView,
  type KeySchedule,
  parseKeySchedule,
  type PublicKey,
  type RecordView,
  type Reference,
  referenceKind,
  type ResultName,
} from '@mosaic-cluster/protocol';
import { idOf } from './test-roles.ts';

interface Stored {
  readonly record: RecordView;
  readonly receivedAt: bigint;
  readonly held: boolean;
}

/** The roles of a server that serves everybody and holds what strangers send to its inbox. */
export class ModelRoles {
  readonly #stored: Record<RoleName, Stored[]> = { outbox: [], inbox: [], encryption: [] };
  readonly #strangers: readonly PublicKey[];
  now = 0n;

  constructor(strangers: readonly PublicKey[]) {
    this.#strangers = strangers;
  }

  submit(role: RoleName, record: RecordView): ResultName {
    const isPublic = record.audience === 'everybody';
    if (isPublic === (role === 'encryption')) return 'UNAUTHORIZED';
    const stored = this.#stored[role];
    const same = stored.find((each) => equalBytes(each.record.id, record.id));
    if (same !== undefined && this.#admits(same)) return 'DUPLICATE';
    const held = role === 'inbox' && isOneOf(this.#strangers, record.author);
    const entry: Stored = { record, receivedAt: this.now, held };
    if (!this.#admits(entry)) return 'UNAUTHORIZED';
    if (record.duplicateHandling === 'replaceable') {
      const holder = stored.find((each) => equalBytes(each.record.address, record.address));
      if (holder !== undefined) {
        const isNewer = compareBytes(record.id, holder.record.id) > 0;
        if (!isNewer && this.#admits(holder)) return 'ACCEPTED';
        stored.splice(stored.indexOf(holder), 1);
      }
    }
    stored.push(entry);
    return 'ACCEPTED';
  }

  query(role: RoleName, filter: FilterView, reader: PublicKey | undefined): string[] {
    const matcher = compileFilter(filter);
    return this.#readable(role, reader, (each) => matcher.matches(each.record, each.receivedAt));
  }

  get(role: RoleName, references: readonly Reference[], reader: PublicKey | undefined): string[] {
    return this.#readable(role, reader, ({ record }) =>
      references.some((reference) =>
        equalBytes(reference, referenceKind(reference) === 'id' ? record.id : record.address),
      ),
    );
  }

  identities(key: PublicKey): PublicKey[] {
    const schedules = this.#schedules().filter(
      (each) => !equalBytes(each.master, key) && each.actsFor(key),
    );
    return [key, ...schedules.map(({ master }) => master)];
  }

  #readable(
    role: RoleName,
    reader: PublicKey | undefined,
    isWanted: (stored: Stored) => boolean,
  ): string[] {
    const identities = reader === undefined ? [] : this.identities(reader);
    return this.#stored[role]
      .filter((each) => isWanted(each) && this.#mayRead(each, identities) && this.#admits(each))
      .map(({ record }) => idOf(record))
      .sort()
      .reverse();
  }

  #mayRead({ record, held }: Stored, identities: readonly PublicKey[]): boolean {
    const isNotified = identities.some((key) => record.notifies(key));
    switch (record.audience) {
      case 'everybody':
        return !held || isNotified;
      case 'author-and-tagged':
        return isNotified || isOneOf(identities, record.author);
      case 'author-only':
        return isOneOf(identities, record.author);
    }
  }

  #admits({ record, receivedAt }: Stored): boolean {
    if (equalBytes(record.author, record.signingKey)) return true;
    const schedule = this.#schedules().find(({ master }) => equalBytes(master, record.author));
    return schedule?.admits(record.signingKey, record.timestamp, receivedAt) ?? false;
  }

  /** The newest of each master. */
  #schedules(): KeySchedule[] {
    const all = [...this.#stored.outbox, ...this.#stored.inbox]
      .filter(({ record }) => record.isKeySchedule)
      .sort((a, b) => compareBytes(b.record.id, a.record.id))
      .map(({ record }) => parseKeySchedule(record, { verify: () => true }));
    return all.filter(
      (each, i) => all.findIndex(({ master }) => equalBytes(master, each.master)) === i,
    );
  }
}

function isOneOf(keys: readonly PublicKey[], key: PublicKey): boolean {
  return keys.some((each) => equalBytes(each, key));
}
