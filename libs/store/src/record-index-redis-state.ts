/**
 * What the index on Redis knows of itself: how far it has followed the log, whether Redis has lost
 * anything of it, and who rebuilds it.
 *
 * All shards bear one random number, the *generation*, and so does the state. Where a shard does not,
 * its server was emptied; where the state does not, that of the state was.
 */
import { randomBytes } from 'node:crypto';
import { MosaicError } from '@mosaic-cluster/protocol';
import type { RebuildClaim, RebuildClaimOptions } from './record-index.ts';
import type { RedisIndexKeys } from './record-index-redis-keys.ts';
import {
  ADVANCE,
  BEGIN_REBUILD,
  CLAIM_REBUILD,
  FINISH_REBUILD,
  HOLD_REBUILD,
  MARK_SHARD,
  READ_MARK,
  READ_STATE,
  RELEASE_REBUILD,
} from './record-index-redis-state-scripts.ts';
import type { RedisConnection, RedisReply, RedisScript, ScriptCall } from './redis-connection.ts';
import { LOG_START, type LogPosition } from './segment-log.ts';

const GENERATION_BYTES = 8;
const NOTHING: Buffer = Buffer.alloc(0);

/** State of one index. */
export class RedisIndexState {
  readonly #connection: RedisConnection;
  readonly #keys: RedisIndexKeys;

  constructor(connection: RedisConnection, keys: RedisIndexKeys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /** Up to where the log is in the index; undefined: it is not whole. */
  async appliedTo(): Promise<LogPosition | undefined> {
    const { generation, reply } = await this.#readAll(READ_STATE, []);
    const [, appliedTo] = reply as Buffer[];
    return generation === undefined ? undefined : positionOf(appliedTo!);
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
    const reply = await this.call(ADVANCE, [Buffer.from(position), Buffer.from(last ?? NOTHING)]);
    return positionOf(reply as Buffer);
  }

  /** See `RecordIndex.claimRebuild`. */
  async claim({
    owner,
    leaseMs,
    isFresh = false,
  }: RebuildClaimOptions): Promise<RebuildClaim | undefined> {
    const { generation, reply } = await this.#readAll(CLAIM_REBUILD, [owner, leaseMs]);
    if (reply === null) return undefined;
    const [, from, notes] = reply as [Buffer, Buffer, Buffer[]];
    const isIntact = generation !== undefined;
    const own = generation ?? randomBytes(GENERATION_BYTES);
    const claim = new RedisRebuildClaim(this, { owner, leaseMs, generation: own });
    if (isIntact && !isFresh) return claim.resume(positionOf(from), notes);
    await this.hold(BEGIN_REBUILD, [owner, own, isIntact ? 1 : 0]);
    if (!isIntact) await this.#connection.run(this.#onShards(MARK_SHARD, [own]));
    return claim;
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

  /** Throws where Redis has lost something since the generation was drawn. */
  async assertIntact(expected: Buffer): Promise<void> {
    const { generation } = await this.#readAll(READ_STATE, []);
    if (generation === undefined || !generation.equals(expected)) throw rebuildLost();
  }

  /** Calls a script that answers with the generation first; undefined: not all shards bear it. */
  async #readAll(
    script: RedisScript,
    args: ScriptCall['args'],
  ): Promise<{ generation: Buffer | undefined; reply: RedisReply }> {
    const calls = [{ script, key: this.#keys.state, args }, ...this.#onShards(READ_MARK, [])];
    const [reply, ...marks] = await this.#connection.run(calls);
    const generation = reply === null ? NOTHING : (reply as Buffer[])[0]!;
    const isIntact =
      generation.length > 0 && marks.every((mark) => generation.equals(mark as Buffer));
    return { generation: isIntact ? generation : undefined, reply: reply! };
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

function rebuildLost(): MosaicError {
  const message =
    'the rebuild of the record index must begin again: Redis lost some of it, or somebody else took over';
  return new MosaicError('conflict', 'rebuild-lost', message);
}
