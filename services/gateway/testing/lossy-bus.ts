/**
 * A bus within one process that is as unreliable as one between processes may be: interests take
 * effect late, records get lost, and somebody says so afterwards.
 */
import {
  type Bus,
  type LiveDoubt,
  type LiveGapHandler,
  type LiveHandler,
  type LiveInterest,
  type LiveListener,
  type LiveRecord,
  MemoryBus,
  type RoleName,
  type RoleService,
} from '@mosaic-cluster/bus';
import { equalBytes, type Timestamp } from '@mosaic-cluster/protocol';
import type { Clock } from '../src/clock.ts';

interface Ear {
  readonly handler: LiveHandler;
  readonly onGap: LiveGapHandler | undefined;
  readonly interests: { readonly interest: LiveInterest; readonly from: number }[];
}

/** A bus that a test may break. */
export class LossyBus implements Bus {
  /** Nothing that is published arrives. */
  isLosing = false;
  /** A role that nobody serves. */
  absent: RoleName | undefined;
  /** How long an interest takes to get where records are published. */
  spreadMs = 0;
  readonly #inner = new MemoryBus();
  readonly #clock: Clock;
  readonly #doubt: LiveDoubt;
  readonly #ears = new Set<Ear>();

  constructor(clock: Clock, doubt: LiveDoubt) {
    this.#clock = clock;
    this.#doubt = doubt;
  }

  /** Everything that anybody listens for at present. */
  get interests(): LiveInterest[] {
    return [...this.#ears].flatMap((ear) => ear.interests.map(({ interest }) => interest));
  }

  /** Says that records received since then may not have arrived. */
  tellGap(since: Timestamp): void {
    for (const { onGap } of this.#ears) onGap?.(since);
  }

  role(name: RoleName): RoleService {
    return this.#inner.role(name);
  }

  serves(name: RoleName): boolean {
    return name !== this.absent && this.#inner.serves(name);
  }

  serve(name: RoleName, service: RoleService): () => void {
    return this.#inner.serve(name, service);
  }

  publish(records: readonly LiveRecord[]): void {
    if (this.isLosing) return;
    for (const { handler, interests } of this.#ears) {
      const heard = records.filter((live) =>
        interests.some(
          ({ interest, from }) => from <= this.#clock.now() && isAskedFor(interest, live),
        ),
      );
      if (heard.length > 0) handler(heard);
    }
  }

  async offer(): Promise<number> {
    return 0;
  }

  listen(handler: LiveHandler, onGap?: LiveGapHandler): LiveListener {
    const ear: Ear = { handler, onGap, interests: [] };
    this.#ears.add(ear);
    return {
      doubt: this.#doubt,
      add: async (interest) => {
        ear.interests.push({ interest, from: this.#clock.now() + this.spreadMs });
      },
      remove: (interest) => {
        const at = ear.interests.findIndex((one) => isSame(one.interest, interest));
        if (at < 0) throw new Error('an interest was taken back that was not there');
        ear.interests.splice(at, 1);
      },
      close: () => {
        this.#ears.delete(ear);
      },
    };
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

function isSame(a: LiveInterest, b: LiveInterest): boolean {
  return nameOf(a) === nameOf(b);
}

/** An interest in a few words, to tell it from others. */
export function nameOf(interest: LiveInterest): string {
  return Object.entries(interest)
    .map(([name, bytes]) => `${name} ${Buffer.from(bytes as Uint8Array).toString('hex')}`)
    .sort()
    .join(', ');
}

function isAskedFor(interest: LiveInterest, { record, readers }: LiveRecord): boolean {
  const { author, signingKey, kind, tag, reader } = interest;
  if (readers !== undefined) return reader !== undefined && readers.some((key) => is(key, reader));
  if (reader !== undefined) return false;
  if (author !== undefined && !is(record.author, author)) return false;
  if (signingKey !== undefined && !is(record.signingKey, signingKey)) return false;
  if (kind !== undefined && !is(record.bytes.subarray(56, 64), kind)) return false;
  if (tag === undefined) return true;
  const tags = record.bytes.subarray(152, record.tagsEnd);
  return Buffer.from(tags).includes(Buffer.from(tag));
}

function is(a: Uint8Array, b: Uint8Array): boolean {
  return equalBytes(a, b);
}
