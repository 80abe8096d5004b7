/**
 * The subjects that a process knows, so many and no more. Subjects whose budgets are full again are
 * forgotten as others come. When there are none, one is forgotten that spent little: a flood of new
 * subjects makes room among itself, and one that is deep in debt stays.
 */
import { Account } from './account.ts';
import type { SizesByKind } from './slot-sizes.ts';
import type { SubjectName } from './subject.ts';

/** Subjects looked at for each that comes, and when there is no room. */
const LOOKS = 2;
const LOOKS_FOR_ROOM = 16;

/** Subjects by name. */
export class AccountTable {
  readonly #accounts = new Map<SubjectName, Account>();
  readonly #sizes: SizesByKind;
  readonly #most: number;
  #sweep: Iterator<Account> | undefined;

  constructor(sizes: SizesByKind, most: number) {
    this.#sizes = sizes;
    this.#most = most;
  }

  get size(): number {
    return this.#accounts.size;
  }

  find(name: SubjectName): Account | undefined {
    return this.#accounts.get(name);
  }

  /** @returns undefined: there is no room, because all the others hold places */
  open(name: SubjectName, nowMs: number): Account | undefined {
    return this.#accounts.get(name) ?? this.#add(name, nowMs);
  }

  /** An account that did nothing; it is not kept. */
  blank(name: SubjectName, nowMs: number): Account {
    return new Account(name, this.#sizes.of(name), nowMs);
  }

  values(): IterableIterator<Account> {
    return this.#accounts.values();
  }

  #add(name: SubjectName, nowMs: number): Account | undefined {
    if (!this.#makeRoom(nowMs)) return undefined;
    const account = this.blank(name, nowMs);
    this.#accounts.set(name, account);
    return account;
  }

  #makeRoom(nowMs: number): boolean {
    const isFull = this.#accounts.size >= this.#most;
    let least: Account | undefined;
    for (let looks = isFull ? LOOKS_FOR_ROOM : LOOKS; looks > 0; looks--) {
      const account = this.#next();
      if (account === undefined) break;
      if (account.isIdle(nowMs)) this.#accounts.delete(account.name);
      else if (account.isForgettable() && account.fullAtMs < (least?.fullAtMs ?? Infinity)) {
        least = account;
      }
    }
    if (this.#accounts.size < this.#most) return true;
    return least !== undefined && this.#accounts.delete(least.name);
  }

  /** The next of an endless round, the oldest first. */
  #next(): Account | undefined {
    const next = this.#sweep?.next();
    if (next !== undefined && next.done !== true) return next.value;
    this.#sweep = this.#accounts.values();
    return this.#sweep.next().value;
  }
}
