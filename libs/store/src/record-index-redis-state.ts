/**
 * What the index on Redis knows of itself: how far it has followed the log, whether Redis has lost
 * anything of it, and who rebuilds it.
 *
 * All shards bear one random number, the *generation*, and so does the state. Where a shard does not,
 * its server was emptied; where the state does not, that of the state was.
 *
 * A server that was started again, or that took over from another, may lack the last writes and bear
 * the generation all the same. It has another run id, though: until the log was looked at again from
 * where its shards were *stamped* last, the index is not whole.
 */
import { randomBytes } from 'node:crypto';
import { compareBytes, MosaicError } from '@mosaic-cluster/protocol';
import type { RebuildClaim, RebuildClaimOptions } from './record-index.ts';
import type { RedisIndexKeys } from './record-index-redis-keys.ts';
import {
  ADOPT_SHARD,
  ADVANCE,
  BEGIN_REBUILD,
  CLAIM_REBUILD,
  FINISH_REBUILD,
  HOLD_REBUILD,
  MARK_SHARD,
  READ_MARK,
  READ_STATE,
  RELEASE_REBUILD,
  STAMP_SHARD,
} from './record-index-redis-state-scripts.ts';
import type { RedisConnection, RedisReply, RedisScript, ScriptCall } from './redis-connection.ts';
import { LOG_START, type LogPosition } from './segment-log.ts';

const GENERATION_BYTES = 8;
const NOTHING: Buffer = Buffer.alloc(0);
/** Between two stamps by one process: what a restart of Redis makes it read again, at least. */
const STAMP_MS = 3000;

/** What is known of the whole index. */
interface Marks {
  /** Undefined: not all shards bear it. */
  readonly generation: Buffer | undefined;
  /** What the script on the state answered. */
  readonly reply: RedisReply;
  /** Stamps of the shards whose server is another than it was. */
  readonly stale: readonly Buffer[];
  /** No shard is such a one, and the state neither. */
  readonly isSame: boolean;
}

type Mark = readonly [generation: Buffer, position: Buffer, isSame: number];

/** State of one index. */
export class RedisIndexState {
  readonly #connection: RedisConnection;
  readonly #keys: RedisIndexKeys;
  #stampedAtMs = Number.NEGATIVE_INFINITY;

  constructor(connection: RedisConnection, keys: RedisIndexKeys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /** Up to where the log is in the index; undefined: it is not whole. */
  async appliedTo(): Promise<LogPosition | undefined> {
    const { generation, reply, isSame } = await this.#readAll(READ_STATE, []);
    const [, appliedTo] = reply as Buffer[];
    const isWhole = generation !== undefined && isSame;
    return isWhole ? positionOf(appliedTo!) : undefined;
  }

  /**
   * Moves the position on, where there is one.
   *
   * @param last the greatest one that this process has seen there
   * @returns what was there; undefined: nothing, or less than `last`. Then Redis forgot what it had
   *   answered to, and from now on the index is not whole
   */
  async advance(
    position: LogPosition,
    last: LogPosition | undefined,
  ): Promise<LogPosition | undefined> {
    const args = [Buffer.from(position), Buffer.from(last ?? NOTHING)];
    const [stored, generation] = (await this.call(ADVANCE, args)) as [Buffer, Buffer];
    if (stored.length > 0) await this.#stampNowAndThen(generation, stored);
    return positionOf(stored);
  }

  /** See `RecordIndex.claimRebuild`. */
  async claim({
    owner,
    leaseMs,
    isFresh = false,
  }: RebuildClaimOptions): Promise<RebuildClaim | undefined> {
    const { generation, reply, stale, isSame } = await this.#readAll(CLAIM_REBUILD, [
      owner,
      leaseMs,
    ]);
    if (reply === null) return undefined;
    const [, to, , from, notes] = reply as [Buffer, Buffer, number, Buffer, Buffer[]];
    const own = generation ?? randomBytes(GENERATION_BYTES);
    const claim = new RedisRebuildClaim(this, { owner, leaseMs, generation: own });
    if (generation === undefined) {
      await this.hold(BEGIN_REBUILD, [owner, own, 0, NOTHING]);
      await this.#connection.run(this.#onShards(MARK_SHARD, [own]));
      return claim;
    }
    if (isSame && !isFresh) return claim.resume(positionOf(from), notes);
    // What was noted as done may be among what a server lost.
    const since = isFresh ? NOTHING : least([to.length > 0 ? to : from, ...stale]);
    await this.hold(BEGIN_REBUILD, [owner, own, isSame ? 1 : 0, since]);
    if (!isSame) await this.#connection.run(this.#onShards(ADOPT_SHARD, []));
    return claim.resume(positionOf(since), []);
  }

  /** Calls a script on the state. */
  async call(script: RedisScript, args: ScriptCall['args']): Promise<RedisReply> {
    const [reply] = await this.#connection.run([{ script, key: this.#keys.state, args }]);
    return reply!;
  }

  /** Calls a script that only whoever has the claim may call. */
  async hold(script: RedisScript, args: ScriptCall['args']): Promise<void> {
    if ((await this.call(script, args)) !== 1) throw rebuildLost();
  }

  /** Throws where Redis has lost something since the generation was drawn, or may have. */
  async assertIntact(expected: Buffer): Promise<void> {
    const { generation, isSame } = await this.#readAll(READ_STATE, []);
    const isIntact = generation?.equals(expected) === true && isSame;
    if (!isIntact) throw rebuildLost();
  }

  /**
   * Has all shards remember that whatever was applied up to a position is in them.
   *
   * @returns false where one is not the same any more
   */
  async stamp(generation: Buffer, position: Buffer): Promise<boolean> {
    const replies = await this.#connection.run(this.#onShards(STAMP_SHARD, [generation, position]));
    return replies.every((reply) => reply === 1);
  }

  async #stampNowAndThen(generation: Buffer, position: Buffer): Promise<void> {
    const now = performance.now();
    if (now - this.#stampedAtMs < STAMP_MS) return;
    this.#stampedAtMs = now;
    // Without it a restart of Redis makes somebody read more of the log, and that is all.
    await this.stamp(generation, position).catch(() => false);
  }

  /** Calls a script that answers with generation, position, and whether the server is the same. */
  async #readAll(script: RedisScript, args: ScriptCall['args']): Promise<Marks> {
    const calls = [{ script, key: this.#keys.state, args }, ...this.#onShards(READ_MARK, [])];
    const [reply, ...shards] = await this.#connection.run(calls);
    const state = (reply ?? [NOTHING, NOTHING, 1]) as Mark;
    const marks = shards as unknown as readonly Mark[];
    const [generation] = state;
    const isIntact = generation.length > 0 && marks.every(([mark]) => generation.equals(mark));
    const stale = marks.filter((mark) => mark[2] !== 1);
    return {
      generation: isIntact ? generation : undefined,
      reply: reply!,
      stale: stale.map(([, stamp]) => stamp),
      isSame: stale.length === 0 && state[2] === 1,
    };
  }

  #onShards(script: RedisScript, args: ScriptCall['args']): ScriptCall[] {
    return this.#keys.shards.map((key) => ({ script, key, args }));
  }
}

interface Holder {
  readonly owner: string;
  readonly leaseMs: number;
  readonly generation: Buffer;
}

class RedisRebuildClaim implements RebuildClaim {
  readonly #state: RedisIndexState;
  readonly #holder: Holder;
  from: LogPosition | undefined;
  readonly notes: Map<string, Uint8Array> = new Map();

  constructor(state: RedisIndexState, holder: Holder) {
    this.#state = state;
    this.#holder = holder;
  }

  /** Takes over what an earlier one left. */
  resume(from: LogPosition | undefined, notes: readonly Buffer[]): this {
    this.from = from;
    for (let i = 0; i < notes.length; i += 2) {
      this.notes.set(notes[i]!.toString(), Uint8Array.from(notes[i + 1]!));
    }
    return this;
  }

  async renew(): Promise<void> {
    await this.#hold([]);
    await this.#state.assertIntact(this.#holder.generation);
  }

  async note(name: string, value: Uint8Array): Promise<void> {
    await this.#hold([name, Buffer.from(value)]);
  }

  async finish(appliedTo: LogPosition | undefined): Promise<void> {
    const { owner, generation } = this.#holder;
    await this.#state.assertIntact(generation);
    const position = Buffer.from(appliedTo ?? LOG_START);
    if (!(await this.#state.stamp(generation, position))) throw rebuildLost();
    await this.#state.hold(FINISH_REBUILD, [owner, generation, position]);
  }

  async release(): Promise<void> {
    await this.#state.call(RELEASE_REBUILD, [this.#holder.owner]);
  }

  async #hold(note: ScriptCall['args']): Promise<void> {
    const { owner, generation, leaseMs } = this.#holder;
    await this.#state.hold(HOLD_REBUILD, [owner, generation, leaseMs, ...note]);
  }
}

function positionOf(bytes: Buffer): LogPosition | undefined {
  return bytes.length === 0 ? undefined : Uint8Array.from(bytes);
}

/** The smallest position; nothing is smaller than any. */
function least(positions: readonly Buffer[]): Buffer {
  return positions.reduce((least, each) => (compareBytes(each, least) < 0 ? each : least));
}

function rebuildLost(): MosaicError {
  const message =
    'the rebuild of the record index must begin again: Redis lost some of it, or somebody else took over';
  return new MosaicError('conflict', 'rebuild-lost', message);
}
