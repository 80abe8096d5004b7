/**
 * Scripts for the state of an index on Redis: a hash `state`, and a hash `notes` of whoever rebuilds it.
 *
 *     g      generation: 8 random bytes that all shards bear too, as `g` of their hash `s`
 *     to     position up to which the log is in the index; none: it is not whole
 *     from   where the index is not whole: what lies before this position is in it all the same
 *     owner  who rebuilds it
 *     until  till when, in ms by the clock of the server
 *     b      run id of the server when the index was whole last
 *
 * Every shard keeps in its hash `s`, beside the generation `g`:
 *
 *     b      run id of its server: another one was started since, or took over, and may lack the
 *            last writes of the one before
 *     to     position of the state at some moment: whatever was applied by then is in the shard
 */
import { LUA_SHARED } from './record-index-redis-rows.ts';
import { type RedisScript, redisScript } from './redis-connection.ts';

/** Who serves the slot: the run id of the server, new with each start and with each failover. */
export const LUA_BOOT: string = String.raw`
local function boot() return redis.call('INFO', 'server'):match('run_id:(%x+)') or '' end
local function isSame(hash)
  local known = redis.call('HGET', hash, 'b') or ''
  return known == '' or known == boot()
end
`;

const LUA_STATE = String.raw`
local state, notes = base .. 'state', base .. 'notes'
local function value(field) return call('HGET', state, field) or '' end

local function milliseconds()
  local time = call('TIME')
  return time[1] * 1000 + floor(time[2] / 1000)
end

local function hold(lease)
  call('HSET', state, 'until', string.format('%.0f', milliseconds() + lease))
end
`;

const LUA_ADVANCE = String.raw`
local position, last = ARGV[1], ARGV[2]
local stored = value('to')
if stored == '' then return { '', '' } end
if less(stored, last) then
  call('HDEL', state, 'to')
  call('HSET', state, 'from', stored)
  return { '', '' }
end
if less(stored, position) then call('HSET', state, 'to', position) end
return { stored, value('g') }
`;

const LUA_CLAIM = String.raw`
local owner = value('owner')
if owner ~= '' and owner ~= ARGV[1] and milliseconds() < tonumber(value('until')) then return false end
call('HSET', state, 'owner', ARGV[1])
hold(ARGV[2])
return { value('g'), value('to'), isSame(state) and 1 or 0, value('from'), call('HGETALL', notes) }
`;

const LUA_BEGIN = String.raw`
if value('owner') ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then call('HDEL', state, 'to') end
call('HDEL', state, 'from')
if ARGV[4] ~= '' then call('HSET', state, 'from', ARGV[4]) end
call('HSET', state, 'g', ARGV[2], 'b', boot())
call('DEL', notes)
return 1
`;

const LUA_HOLD = String.raw`
if value('owner') ~= ARGV[1] or value('g') ~= ARGV[2] then return 0 end
hold(ARGV[3])
if ARGV[4] then call('HSET', notes, ARGV[4], ARGV[5]) end
return 1
`;

const LUA_FINISH = String.raw`
if value('owner') ~= ARGV[1] or value('g') ~= ARGV[2] or not isSame(state) then return 0 end
call('HSET', state, 'b', boot())
if less(value('to'), ARGV[3]) then call('HSET', state, 'to', ARGV[3]) end
call('HDEL', state, 'from', 'owner', 'until')
call('DEL', notes)
return 1
`;

const LUA_RELEASE = String.raw`
if value('owner') == ARGV[1] then call('HDEL', state, 'owner', 'until') end
return 1
`;

const LUA_MARK_SHARD = String.raw`
local shard = KEYS[1] .. 's'
redis.call('HSET', shard, 'g', ARGV[1], 'b', boot())
redis.call('HDEL', shard, 'to')
return 1
`;

const LUA_STAMP_SHARD = String.raw`
local shard = base .. 's'
if call('HGET', shard, 'g') ~= ARGV[1] or not isSame(shard) then return 0 end
if less(call('HGET', shard, 'to') or '', ARGV[2]) then call('HSET', shard, 'to', ARGV[2]) end
call('HSET', shard, 'b', boot())
return 1
`;

const LUA_READ_MARK = String.raw`
local shard = KEYS[1] .. 's'
local found = redis.call('HMGET', shard, 'g', 'to')
return { found[1] or '', found[2] or '', isSame(shard) and 1 or 0 }
`;

const STATE = LUA_SHARED + LUA_BOOT + LUA_STATE;

/** → `[generation, position or nothing, 1: by the same server as ever, or 0]`. */
export const READ_STATE: RedisScript = redisScript(
  `${STATE}return { value('g'), value('to'), isSame(state) and 1 or 0 }`,
);
/**
 * `[position, last]` → `[what was stored, generation]`. Stores the position where there is a smaller one. Where there is
 * one less than `last`, Redis forgot the last writes: then it takes the position away.
 */
export const ADVANCE: RedisScript = redisScript(STATE + LUA_ADVANCE);
/**
 * `[owner, lease ms]` → `[generation, position, same server, from, [name, note, …]]`; null: somebody else
 * rebuilds.
 */
export const CLAIM_REBUILD: RedisScript = redisScript(STATE + LUA_CLAIM);
/** `[owner, generation, whether it was intact, from]` → 1, or 0: somebody else rebuilds. */
export const BEGIN_REBUILD: RedisScript = redisScript(STATE + LUA_BEGIN);
/** `[owner, generation, lease ms, name?, note?]` → 1, or 0 where owner or generation are others. */
export const HOLD_REBUILD: RedisScript = redisScript(STATE + LUA_HOLD);
/** `[owner, generation, position]` → 1, or 0 where owner or generation are others. */
export const FINISH_REBUILD: RedisScript = redisScript(STATE + LUA_FINISH);
/** `[owner]` → 1 */
export const RELEASE_REBUILD: RedisScript = redisScript(STATE + LUA_RELEASE);
/** `[generation]`, on a shard → 1 */
export const MARK_SHARD: RedisScript = redisScript(LUA_BOOT + LUA_MARK_SHARD);
/** On a shard whose server is another one: takes that for its own → 1 */
export const ADOPT_SHARD: RedisScript = redisScript(
  `${LUA_BOOT}redis.call('HSET', KEYS[1] .. 's', 'b', boot()) return 1`,
);
/** `[generation, position]`, on a shard → 1, or 0 where it has another or its server was another. */
export const STAMP_SHARD: RedisScript = redisScript(LUA_SHARED + LUA_BOOT + LUA_STAMP_SHARD);
/** On a shard → `[generation, position it was stamped with, 1: by the same server as ever, or 0]`. */
export const READ_MARK: RedisScript = redisScript(LUA_BOOT + LUA_READ_MARK);
