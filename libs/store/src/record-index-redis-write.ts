/**
 * Adds to the index on Redis. What is written first is invisible; one last step in one slot makes a
 * record visible, or decides that another one was faster:
 *
 *     look → rows and pointers → commit → take out what was replaced → unmark it
 *
 * A commit fails where anything was removed in its shard since the look: else a remover could take
 * out rows that were just written again.
 */
import type { AddOutcome, IndexAddition } from './record-index.ts';
import { StepChanges } from './record-index-redis-changes.ts';
import { judge, positionOf, type Verdict } from './record-index-redis-fold.ts';
import {
  decodeHolder,
  decodeItems,
  encodeEntry,
  encodeHolder,
  encodePointer,
  entryReceivedAt,
  type StoredEntry,
} from './record-index-redis-items.ts';
import { fieldOf, type PlacedField, type RedisIndexKeys } from './record-index-redis-keys.ts';
import { bytesOf, type RedisIndexReader } from './record-index-redis-read.ts';
import { LEASE_MS, type Leftover, type RedisIndexRemover } from './record-index-redis-remove.ts';
import type { ShardState } from './record-index-redis-table-reads.ts';
import { COMMIT_ITEMS } from './record-index-redis-tables.ts';
import type { RedisConnection, ScriptCall } from './redis-connection.ts';

/** Looks and commits before a record is given up as `conflict`. */
const ATTEMPTS_MAX = 6;
const FIRST_PAUSE_MS = 2;
const COMMITS_PER_CALL_MAX = 128;
/** What scripts answer, see `record-index-redis-tables.ts`. */
const COMMITTED = 0;

/** What a writer takes from outside. */
export interface RedisWriterDeps {
  readonly connection: RedisConnection;
  readonly keys: RedisIndexKeys;
  readonly reader: RedisIndexReader;
  readonly remover: RedisIndexRemover;
  /** Waits. */
  readonly pause: (ms: number) => Promise<void>;
  /** 0 to 1. */
  readonly random: () => number;
}

/** An addition on its way. */
interface Draft {
  readonly addition: IndexAddition;
  readonly entry: Buffer;
  readonly field: Buffer;
  /** 24 bytes as latin1. */
  readonly name: string;
}

/** Additions that are decided together: one of a unique record, or all of one address. */
interface Contest {
  /** Where the additions are in the call. */
  readonly at: number[];
  readonly drafts: Draft[];
  readonly place: PlacedField;
  readonly letter: 'i' | 'a';
}

/** A contest after a look. */
interface Attempt {
  readonly contest: Contest;
  readonly verdict: Verdict;
  readonly draft: Draft;
  readonly state: ShardState;
  /** What holds the address; of a unique record, its own entry. */
  readonly holder: StoredEntry | undefined;
}

/** Writes for one index. */
export class RedisIndexWriter {
  readonly #deps: RedisWriterDeps;

  constructor(deps: RedisWriterDeps) {
    this.#deps = deps;
  }

  /**
   * Adds records, see `RecordIndex`.
   *
   * @param isRestoring whether rows and pointers are written of what is visible already, too
   */
  async add(additions: readonly IndexAddition[], isRestoring: boolean): Promise<AddOutcome[]> {
    const outcomes = new Array<AddOutcome>(additions.length).fill('conflict');
    const drafts = additions.map((addition) => draftOf(addition));
    /** What rows were written of without making it visible. */
    const written = new Set<IndexAddition>();
    let open = this.#contests(drafts, outcomes);
    for (let attempt = 0; open.length > 0; attempt++) {
      open = await this.#attempt(open, outcomes, written, isRestoring);
      if (open.length === 0 || attempt + 1 === ATTEMPTS_MAX) break;
      await this.#deps.pause(FIRST_PAUSE_MS * 2 ** attempt * (0.5 + this.#deps.random()));
    }
    if (written.size > 0) await this.#deps.remover.remove([...written], true);
    return outcomes;
  }

  /** Groups additions; those of one ID are decided by the first. */
  #contests(drafts: readonly Draft[], outcomes: AddOutcome[]): Contest[] {
    const { keys } = this.#deps;
    const contests = new Map<string, Contest>();
    drafts.forEach((draft, i) => {
      const { record } = draft.addition;
      const isReplaceable = record.duplicateHandling === 'replaceable';
      const name = isReplaceable ? `a${latin1(record.address)}` : `i${draft.name}`;
      const contest = contests.get(name);
      if (contest === undefined) {
        const place = isReplaceable ? keys.address(record.address) : keys.record(draft.field);
        contests.set(name, { at: [i], drafts: [draft], place, letter: isReplaceable ? 'a' : 'i' });
      } else if (isReplaceable) {
        contest.at.push(i);
        contest.drafts.push(draft);
      } else {
        outcomes[i] = 'duplicate';
      }
    });
    return [...contests.values()];
  }

  /** Looks, writes and commits; returns the contests that are still open. */
  async #attempt(
    contests: readonly Contest[],
    outcomes: AddOutcome[],
    written: Set<IndexAddition>,
    isRestoring: boolean,
  ): Promise<Contest[]> {
    const open: Contest[] = [];
    const attempts: Attempt[] = [];
    const settled: Attempt[] = [];
    for (const attempt of await this.#look(contests)) {
      const { contest, verdict, state, draft } = attempt;
      if (verdict.winner < 0) {
        settle(contest, verdict, outcomes);
        settled.push(attempt);
      } else if (state.removing.has(draft.name)) open.push(contest);
      else attempts.push(attempt);
    }
    if (isRestoring) await this.#rewrite(settled);
    if (attempts.length === 0) return open;
    await this.#writeInvisible(attempts);
    const replies = await this.#commit(attempts);
    const replaced: Leftover[] = [];
    const late = new StepChanges(this.#deps.keys.shards);
    attempts.forEach((attempt, i) => {
      const { contest, verdict, draft, holder } = attempt;
      const reply = replies[i]!;
      const received = bytesOf(reply);
      if (reply === COMMITTED) {
        settle(contest, verdict, outcomes);
        if (holder !== undefined) replaced.push(leftoverOf(attempt, holder));
      } else if (received !== undefined) {
        // Another writer was faster. Only its reception time counts.
        const row = this.#deps.keys.receivedRow(entryReceivedAt(draft.entry), draft.field);
        if (!received.equals(entryReceivedAt(draft.entry))) late.rows([row], false);
      }
      if (reply === COMMITTED || received !== undefined) written.delete(draft.addition);
      else written.add(draft.addition);
      if (received !== undefined && contest.letter === 'i') outcomes[contest.at[0]!] = 'duplicate';
      else if (reply !== COMMITTED) open.push(contest);
    });
    await this.#deps.connection.run(late.calls());
    await this.#deps.remover.takeOut(replaced);
    return open;
  }

  /** Reads what is there and decides. */
  async #look(contests: readonly Contest[]): Promise<Attempt[]> {
    const { reader } = this.#deps;
    const read = async (letter: 'i' | 'a'): Promise<Attempt[]> => {
      const some = contests.filter((contest) => contest.letter === letter);
      const { values, states } = await reader.readTable(
        letter,
        some.map(({ place }) => place),
      );
      return some.map((contest, i) => attemptOf(contest, values[i], states[i]!));
    };
    return (await Promise.all([read('i'), read('a')])).flat();
  }

  /** Writes rows and pointers of records whose entry is visible. */
  async #rewrite(settled: readonly Attempt[]): Promise<void> {
    const { keys, connection } = this.#deps;
    const changes = new StepChanges(keys.shards);
    for (const { contest, holder } of settled) {
      const name = holder && latin1(holder.position);
      const draft = contest.drafts.find((each) => each.name === name);
      if (draft !== undefined) this.#change(changes, contest, draft, holder!.receivedAt);
    }
    await connection.run(changes.calls());
  }

  async #writeInvisible(attempts: readonly Attempt[]): Promise<void> {
    const { keys, connection } = this.#deps;
    const changes = new StepChanges(keys.shards);
    for (const { contest, draft } of attempts) {
      this.#change(changes, contest, draft, entryReceivedAt(draft.entry));
    }
    await connection.run(changes.calls());
  }

  #change(changes: StepChanges, contest: Contest, draft: Draft, receivedAt: Buffer): void {
    const { keys } = this.#deps;
    const { record } = draft.addition;
    changes.rows(keys.rows(record, receivedAt, draft.addition.held), true);
    if (contest.letter === 'i') return;
    const pointer = encodePointer(record, contest.place.field);
    changes.pointer(keys.record(draft.field), pointer, true);
  }

  /** One reply per attempt: 0, 1, or a reception time. */
  async #commit(attempts: readonly Attempt[]): Promise<(number | Buffer)[]> {
    const { keys, connection } = this.#deps;
    const groups = new Map<string, number[]>();
    attempts.forEach(({ contest, state }, i) => {
      const { letter, place } = contest;
      for (let part = 0; ; part++) {
        const name = `${letter}${place.shard}.${state.epoch}.${part}`;
        const group = groups.get(name) ?? [];
        if (group.length === COMMITS_PER_CALL_MAX) continue;
        group.push(i);
        groups.set(name, group);
        return;
      }
    });
    const calls = [...groups.values()].map((at): ScriptCall => {
      const { contest, state } = attempts[at[0]!]!;
      const items = at.flatMap((i) => itemOf(attempts[i]!));
      const key = keys.shards[contest.place.shard]!;
      return { script: COMMIT_ITEMS, key, args: [contest.letter, state.epoch, LEASE_MS, ...items] };
    });
    const answers = (await connection.run(calls)) as unknown as (number | Buffer)[][];
    const replies = new Array<number | Buffer>(attempts.length);
    [...groups.values()].forEach((at, n) => {
      at.forEach((i, k) => {
        replies[i] = answers[n]![k]!;
      });
    });
    return replies;
  }
}

function draftOf(addition: IndexAddition): Draft {
  const entry = encodeEntry(addition);
  const field = fieldOf(addition.record);
  return { addition, entry, field, name: latin1(positionOf(addition)) };
}

function attemptOf(contest: Contest, value: Buffer | undefined, state: ShardState): Attempt {
  const { drafts, letter } = contest;
  if (letter === 'a') {
    const holder = value && decodeHolder(value);
    const additions = drafts.map(({ addition }) => addition);
    const verdict = judge(additions, holder?.position);
    const draft = drafts[Math.max(verdict.winner, 0)]!;
    return { contest, verdict, draft, state, holder };
  }
  const draft = drafts[0]!;
  const entries = value === undefined ? [] : decodeItems(draft.field, value).entries;
  const own = entries.find(({ position }) => latin1(position) === draft.name);
  const verdict = own
    ? ({ outcomes: ['duplicate'], winner: -1, replacing: -1 } as const)
    : ({ outcomes: ['added'], winner: 0, replacing: -1 } as const);
  return { contest, verdict, draft, state, holder: own };
}

/** What a commit says of an attempt. */
function itemOf({ contest, draft, holder }: Attempt): Buffer[] {
  const { field } = contest.place;
  if (contest.letter === 'i') return [field, NONE, draft.entry];
  return [field, holder?.position ?? NONE, encodeHolder(draft.addition.record, draft.entry)];
}

/** The record that an attempt took the place of. */
function leftoverOf(
  { contest, verdict }: Attempt,
  holder: NonNullable<Attempt['holder']>,
): Leftover {
  const { record } = contest.drafts[verdict.replacing]!.addition.replaces!;
  const { position, receivedAt } = holder;
  return { record, receivedAt, mark: { shard: contest.place.shard, position } };
}

function settle(contest: Contest, { outcomes }: Verdict, all: AddOutcome[]): void {
  contest.at.forEach((at, i) => {
    all[at] = outcomes[i]!;
  });
}

const NONE: Buffer = Buffer.alloc(0);

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
