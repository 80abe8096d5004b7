/**
 * Tables on Redis: values by fields of 16 bytes, in small hashes that Redis keeps packed. A directory
 * as of rows leads to them. Scripts decide here, in one step, what is visible.
 *
 * A value is one item, or several where their records share the field:
 *
 *     entry    00 [rest 8] [tail 4] [received-at 8] [flags 1] [location]
 *     pointer  01 [rest 8] [tail 4] [address 16]
 *
 * The field of table `i` is the first 16 bytes of a record's ID; `rest` are the next 8 and `tail` the
 * last 4. In table `a` the field is the hash of a replaceable address, and 16 bytes of the ID stand
 * before the entry of the one record that holds it.
 *
 * Beside the tables every slot has a hash `s` (`c`: entries; `e`: the epoch; `g`:
 * see `record-index-redis-state-scripts.ts`) and, while something is being removed, a hash `m`: position → when, in ms, nobody works on it any more.
 *
 * The epoch grows whenever something is removed or is somewhere else, and whenever an item joins another one. So what was read of
 * table `i` in one epoch of one generation holds as long as both are the same. It goes by the clock, so that a
 * server that lost its last writes never comes to an epoch again that was seen before.
 */
import { LUA_SHARED } from './record-index-redis-rows.ts';
import { type RedisScript, redisScript } from './redis-connection.ts';

/** Below 128, above which Redis no longer packs a hash (`hash-max-listpack-entries`). */
const FIELDS_MAX = 120;
/** A hash with fewer is joined with its neighbour. */
const FIELDS_MIN = 20;

/** What scripts on tables share; the registry has tables of its own kind of value. */
export const LUA_TABLE: string = String.raw`
local letter = ARGV[1]
local directory = base .. string.upper(letter)
local states, marks = base .. 's', base .. 'm'

-- The hash that was found last, and its bounds once two fields in a row lay in it: then many do.
local known, isBounded, beyond

local function place(field)
  if letter == 'a' then return find(directory, field) end
  if isBounded and not less(field, known) and (not beyond or less(field, beyond)) then return known end
  local lower = find(directory, field)
  isBounded = lower ~= nil and lower == known
  if isBounded then beyond = above(directory, lower) end
  known = lower
  return lower
end

-- The value of a field, and the hash that it belongs in.
local function get(field)
  local lower = place(field)
  return lower and call('HGET', base .. letter .. lower, field), lower
end

local function move(from, to, fields)
  local values = call('HMGET', from, unpack(fields))
  local both = {}
  for i, field in ipairs(fields) do
    both[2 * i - 1] = field
    both[2 * i] = values[i]
  end
  call('HSET', to, unpack(both))
  call('HDEL', from, unpack(fields))
end

-- Cuts a full hash; where the field to come is beyond all that are in it, it stays full.
local function cut(lower, field)
  local key = base .. letter .. lower
  local fields = sorted(call('HKEYS', key))
  local n = #fields
  local bound, moved
  if less(fields[n], field) then
    bound = sub(field, 1, common(fields[n], field) + 1)
  else
    local first = floor(n / 2) + 1
    bound = sub(fields[first], 1, common(fields[first - 1], fields[first]) + 1)
    moved = { unpack(fields, first) }
  end
  call('ZADD', directory, '0', bound)
  if moved then move(key, base .. letter .. bound, moved) end
end

local function set(field, value, lower)
  if not lower then
    lower = ''
    call('ZADD', directory, '0', '')
  elseif call('HLEN', base .. letter .. lower) >= ${FIELDS_MAX} then
    cut(lower, field)
    known, isBounded = nil, false
    lower = place(field)
  end
  call('HSET', base .. letter .. lower, field, value)
end

local function unset(field, lower)
  known, isBounded = nil, false
  local key = base .. letter .. lower
  call('HDEL', key, field)
  local n = call('HLEN', key)
  if n >= ${FIELDS_MIN} then return end
  local left = beneath(directory, lower)
  if n == 0 then
    if left or not above(directory, lower) then call('ZREM', directory, lower) end
  elseif left and n + call('HLEN', base .. letter .. left) < ${FIELDS_MAX - FIELDS_MIN} then
    move(key, base .. letter .. left, call('HKEYS', key))
    call('ZREM', directory, lower)
  end
end

local function itemEnd(value, at)
  if byte(value, at) == 1 then return at + 29 end
  return at + 22 + byte(value, at + 21) % 128
end

-- Where the item of a record is in a value, and where it ends.
local function item(value, rest)
  local at = 1
  while value and at <= #value do
    local stop = itemEnd(value, at)
    if sub(value, at + 1, at + 8) == rest then return at, stop end
    at = stop
  end
end

local function milliseconds()
  local time = call('TIME')
  return time[1] * 1000 + floor(time[2] / 1000)
end

local function mark(position, lease)
  call('HSET', marks, position, string.format('%.0f', milliseconds() + lease))
end

local function epoch() return tonumber(call('HGET', states, 'e') or 0) end

local function endEpoch()
  local time = call('TIME')
  local now = time[1] * 1000000 + time[2]
  call('HSET', states, 'e', string.format('%.0f', math.max(epoch() + 1, now)))
end
`;

const LUA_READ = String.raw`
-- Marks of removers that died are dropped, so that they stand in nobody's way.
local removing = {}
if call('EXISTS', marks) == 1 then
  local now, all = milliseconds(), call('HGETALL', marks)
  for i = 1, #all, 2 do
    if tonumber(all[i + 1]) > now then removing[#removing + 1] = all[i]
    else call('HDEL', marks, all[i]) end
  end
end
local state = call('HMGET', states, 'e', 'g')
local version = state[2] and state[2] .. (state[1] or '0') or ''
local answer = { tonumber(state[1] or 0), removing, version }
for i = 2, #ARGV do answer[i + 2] = get(ARGV[i]) or false end
return answer
`;

const LUA_COMMIT = String.raw`
local expected, lease = tonumber(ARGV[2]), tonumber(ARGV[3])
local answer, change, isJoined = {}, 0, false
local fresh = epoch() == expected
for i = 4, #ARGV, 3 do
  local field, holder, new = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local value, lower = get(field)
  local outcome
  if letter == 'i' then
    local at = item(value, sub(new, 2, 9))
    if at then outcome = sub(value, at + 13, at + 20)
    elseif not fresh then outcome = 1
    else
      set(field, (value or '') .. new, lower)
      if value then isJoined = true end
      change, outcome = change + 1, 0
    end
  else
    local held = value and sub(value, 1, 16) .. sub(value, 18, 25) or ''
    local position = sub(new, 1, 16) .. sub(new, 18, 25)
    if held == position then outcome = sub(value, 30, 37)
    elseif not fresh or held ~= holder then outcome = 1
    else
      set(field, new, lower)
      outcome = 0
      if held == '' then change = change + 1 else mark(held, lease) end
    end
  end
  answer[#answer + 1] = outcome
end
if isJoined then endEpoch() end
if change > 0 then call('HINCRBY', states, 'c', change) end
return answer
`;

const LUA_DROP = String.raw`
local lease, isSparing = tonumber(ARGV[2]), ARGV[3] == '1'
local answer, change = {}, 0
for i = 4, #ARGV, 2 do
  local field, position = ARGV[i], ARGV[i + 1]
  local value, lower = get(field)
  local at, stop
  if letter == 'i' then at, stop = item(value, sub(position, 17))
  elseif value and sub(value, 1, 16) .. sub(value, 18, 25) == position then at, stop = 17, #value + 1 end
  if at and isSparing then answer[#answer + 1] = { sub(value, at + 13, at + 20) }
  else
    mark(position, lease)
    answer[#answer + 1] = at and sub(value, at + 13, at + 20) or ''
    if at then
      change = change + 1
      local left = letter == 'i' and sub(value, 1, at - 1) .. sub(value, stop) or ''
      if left == '' then unset(field, lower) else set(field, left, lower) end
    end
  end
end
endEpoch()
if change > 0 then call('HINCRBY', states, 'c', -change) end
return answer
`;

const LUA_EVICT = String.raw`
local lease, answer, change = tonumber(ARGV[2]), {}, 0
for i = 3, #ARGV, 3 do
  local field, position, place = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local value, lower = get(field)
  local at, stop
  if letter == 'i' then at, stop = item(value, sub(position, 17))
  elseif value and sub(value, 1, 16) .. sub(value, 18, 25) == position then at, stop = 17, #value + 1 end
  local isSame = at and byte(value, at) == 0 and sub(value, at + 21, stop - 1) == place
  answer[#answer + 1] = isSame and 1 or 0
  if isSame then
    mark(position, lease)
    change = change + 1
    local left = letter == 'i' and sub(value, 1, at - 1) .. sub(value, stop) or ''
    if left == '' then unset(field, lower) else set(field, left, lower) end
  end
end
endEpoch()
if change > 0 then call('HINCRBY', states, 'c', -change) end
return answer
`;

const LUA_RELOCATE = String.raw`
local moved = 0
for i = 2, #ARGV, 4 do
  local field, position, from, to = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local value, lower = get(field)
  local at, stop
  if letter == 'i' then at, stop = item(value, sub(position, 17))
  elseif value and sub(value, 1, 16) .. sub(value, 18, 25) == position then at, stop = 17, #value + 1 end
  if at and byte(value, at) == 0 and #from == #to and sub(value, at + 22, stop - 1) == from then
    set(field, sub(value, 1, at + 21) .. to .. sub(value, stop), lower)
    moved = moved + 1
  end
end
if moved > 0 then endEpoch() end
return moved
`;

const LUA_POINT = String.raw`
local puts = tonumber(ARGV[2])
for i = 3, #ARGV, 2 do
  local field, new = ARGV[i], ARGV[i + 1]
  local value, lower = get(field)
  local at, stop = item(value, sub(new, 2, 9))
  if i < 3 + 2 * puts then
    if not at then
      set(field, (value or '') .. new, lower)
      if value then endEpoch() end
    end
  elseif at then
    value = sub(value, 1, at - 1) .. sub(value, stop)
    if value == '' then unset(field, lower) else set(field, value, lower) end
  end
end
return 0
`;

const LUA_UNMARK = String.raw`
call('HDEL', base .. 'm', unpack(ARGV))
return 0
`;

const LUA_COUNT = String.raw`return tonumber(redis.call('HGET', KEYS[1] .. 's', 'c') or 0)`;

const TABLE = LUA_SHARED + LUA_TABLE;

/**
 * `[letter, …fields]` → `[epoch, positions that are being removed, version, …values]`. The version is that of the
 * shard, see above; it is empty where nothing may be remembered.
 */
export const READ_TABLE: RedisScript = redisScript(TABLE + LUA_READ);
/**
 * `[letter, epoch, lease ms, …(field, position of the expected holder, item)]` → per item 0: it is
 * visible from now on; 1: look again; or the reception time that the record has there already. A
 * holder that is replaced is marked as being removed.
 */
export const COMMIT_ITEMS: RedisScript = redisScript(TABLE + LUA_COMMIT);
/**
 * `[letter, lease ms, sparing, …(field, position)]` → per record the reception time that it had, or
 * nothing. All of them are marked as being removed. Where `sparing` is 1, a record that is visible
 * stays, unmarked, and its answer is its reception time in a list.
 */
export const DROP_ITEMS: RedisScript = redisScript(TABLE + LUA_DROP);
/**
 * `[letter, lease ms, …(field, position, flags and location)]` → per entry 1: it is gone, and marked as being
 * removed; 0: what is there is another.
 */
export const EVICT_ITEMS: RedisScript = redisScript(TABLE + LUA_EVICT);
/**
 * `[letter, …(field, position, location, new location)]` → how many entries were at that location and are
 * at the new one. Locations have one length.
 */
export const RELOCATE_ITEMS: RedisScript = redisScript(TABLE + LUA_RELOCATE);
/** `[letter, number of items to put, …(field, item)]`: the others are taken out. Counts nothing. */
export const POINT_ITEMS: RedisScript = redisScript(TABLE + LUA_POINT);
/** `[…positions]` */
export const UNMARK: RedisScript = redisScript(LUA_SHARED + LUA_UNMARK);
/** → records of the slot. */
export const COUNT_ITEMS: RedisScript = redisScript(LUA_COUNT);
