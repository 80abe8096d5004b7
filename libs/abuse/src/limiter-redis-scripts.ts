/**
 * What processes share on Redis, and the scripts that touch it. Subjects are in shards by a checksum of
 * their names, each in a slot of its own; a shard has
 *
 *     p          hash: processes, and when each was here last
 *     s<name>    hash: a subject. One letter from A on: a budget's slot, and when it is full again;
 *                h<process>: places held there, `connections:subscriptions`;
 *                by: the process that told of it last, and when; co: when two did so in turn last
 *     r<name>    hash: what was refused to a subject lately, by word
 *
 * The bans that subjects earned are in one further slot:
 *
 *     b          hash: subjects, and until when they are or were banned, and how many bans they had
 *     e          sorted set: subjects by when their bans are forgotten
 *     l          sorted set: subjects by the version that changed them last
 *     v          the version
 *     o          which memory this is: another one after all was lost
 *
 * Times are microseconds since 2026 by the clock of the server, the only one that all go by. Every key
 * expires by itself once nothing in it matters any more.
 */
import { type RedisScript, redisScript } from '@mosaic-cluster/store/redis';

const SHARED = String.raw`
local call, format, byte, sub = redis.call, string.format, string.byte, string.sub
local base = KEYS[1]
local time = call('TIME')
local now = (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])
local function text(value) return format('%.0f', value) end
`;

/** Reads a subject: `slots` by letter, places that other living processes hold, and the hash itself. */
const SUBJECT = String.raw`
local function subject(name, me, living)
  local key = base .. 's' .. name
  local all = call('HGETALL', key)
  local slots, connections, subscriptions, gone, fields = {}, 0, 0, {}, {}
  for i = 1, #all, 2 do
    local field, value = all[i], all[i + 1]
    if #field == 1 then
      local full = tonumber(value)
      if full > now then slots[field] = full else gone[#gone + 1] = field end
    elseif byte(field) == 104 then
      local process = sub(field, 2)
      if not living[process] then
        gone[#gone + 1] = field
      elseif process ~= me then
        local c, s = string.match(value, '(%d+):(%d+)')
        connections, subscriptions = connections + c, subscriptions + s
      end
    else
      fields[field] = value
    end
  end
  return { key = key, slots = slots, gone = gone, fields = fields, c = connections, s = subscriptions }
end
local function living(lease)
  local found, count, processes = {}, 0, call('HGETALL', base .. 'p')
  for i = 1, #processes, 2 do
    if tonumber(processes[i + 1]) > now - lease then
      found[processes[i]] = true
      count = count + 1
    else
      call('HDEL', base .. 'p', processes[i])
    end
  end
  return found, count
end
`;

/**
 * `[process, lease, keep, lately, (subject, n, (slot, µs) × n, places, m, (word, count) × m) × …]`, the
 * times in µs → `[1 where the process was known, living processes, (1 where another process told of it
 * lately, connections and subscriptions of others, k, (slot, µs until it is full) × k) × …]`.
 *
 * Adds what the process spent to what is spent. `places` is what it holds, empty where it never did.
 */
export const TELL: RedisScript = redisScript(
  SHARED +
    SUBJECT +
    String.raw`
local me, lease, keep, lately = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local known = call('HEXISTS', base .. 'p', me)
call('HSET', base .. 'p', me, text(now))
call('PEXPIRE', base .. 'p', text(math.ceil(lease / 1000)))
local alive, count = living(lease)
local reply, r, i = { known, count }, 2, 5
while i <= #ARGV do
  local name, n = ARGV[i], tonumber(ARGV[i + 1])
  local it = subject(name, me, alive)
  local set, ends = {}, now + lately
  i = i + 2
  for _ = 1, n do
    local letter, cost = string.char(65 + ARGV[i]), tonumber(ARGV[i + 1])
    i = i + 2
    if cost < 0 then
      it.slots[letter] = nil
      it.gone[#it.gone + 1] = letter
    else
      it.slots[letter] = (it.slots[letter] or now) + cost
      set[#set + 1] = letter
      set[#set + 1] = text(it.slots[letter])
    end
  end
  local places, words = ARGV[i], tonumber(ARGV[i + 1])
  i = i + 2
  if places == '0:0' then
    it.gone[#it.gone + 1] = 'h' .. me
  elseif places ~= '' then
    set[#set + 1] = 'h' .. me
    set[#set + 1] = places
  end
  if (places ~= '' and places ~= '0:0') or it.c + it.s > 0 then ends = now + keep end
  for _ = 1, words do
    call('HINCRBY', base .. 'r' .. name, ARGV[i], ARGV[i + 1])
    call('PEXPIRE', base .. 'r' .. name, 600000)
    i = i + 2
  end
  local by, company = it.fields.by, tonumber(it.fields.co or 0)
  local last, at = by and sub(by, 1, 8), by and tonumber(sub(by, 9)) or 0
  if last and last ~= me and at > now - lately then
    company = now
    set[#set + 1] = 'co'
    set[#set + 1] = text(now)
  end
  if last ~= me or at < now - lately / 2 then
    set[#set + 1] = 'by'
    set[#set + 1] = me .. text(now)
  end
  if #it.gone > 0 then call('HDEL', it.key, unpack(it.gone)) end
  if #set > 0 then call('HSET', it.key, unpack(set)) end
  reply[r + 1] = company > now - lately and 1 or 0
  reply[r + 2] = it.c
  reply[r + 3] = it.s
  local at_k, k = r + 4, 0
  r = at_k
  for letter, full in pairs(it.slots) do
    if full > ends then ends = full end
    reply[r + 1] = byte(letter) - 65
    reply[r + 2] = full - now
    r, k = r + 2, k + 1
  end
  reply[at_k] = k
  call('PEXPIRE', it.key, text(math.ceil((ends - now) / 1000)))
end
return reply
`,
);

/** `[subject, process, lease µs]` → `[connections, subscriptions of others, k, (slot, µs) × k, (word, count) × …]`. */
export const READ_SUBJECT: RedisScript = redisScript(
  SHARED +
    SUBJECT +
    String.raw`
local it = subject(ARGV[1], ARGV[2], (living(tonumber(ARGV[3]))))
local reply, k = { it.c, it.s, 0 }, 0
for letter, full in pairs(it.slots) do
  reply[#reply + 1] = byte(letter) - 65
  reply[#reply + 1] = full - now
  k = k + 1
end
reply[3] = k
for _, each in ipairs(call('HGETALL', base .. 'r' .. ARGV[1])) do reply[#reply + 1] = each end
return reply
`,
);

/** `[subject, slot]`: the slot is full. */
export const FILL_SLOT: RedisScript = redisScript(String.raw`
return redis.call('HDEL', KEYS[1] .. 's' .. ARGV[1], string.char(65 + ARGV[2]))
`);

/** `[process]`: it ends, and holds nothing any more. */
export const LEAVE: RedisScript = redisScript(String.raw`
return redis.call('HDEL', KEYS[1] .. 'p', ARGV[1])
`);

const BANS = String.raw`
local function ban(name)
  local value = call('HGET', base .. 'b', name)
  if not value then return 0, 0 end
  local till, count = string.match(value, '(%d+):(%d+)')
  return tonumber(till), tonumber(count)
end
local function keep(name, till, count, forget)
  call('HSET', base .. 'b', name, text(till) .. ':' .. text(count))
  call('ZADD', base .. 'e', text(forget), name)
  for _, key in ipairs({ 'o', 'v' }) do call('SET', base .. key, text(now), 'NX') end
  local version = call('INCR', base .. 'v')
  call('ZADD', base .. 'l', text(version), name)
  local last = tonumber(call('ZREVRANGE', base .. 'e', '0', '0', 'WITHSCORES')[2])
  for _, key in ipairs({ 'b', 'e', 'l', 'o', 'v' }) do
    call('PEXPIRE', base .. key, text(math.ceil((last - now) / 1000) + 60000))
  end
end
local function forget(before)
  for _, name in ipairs(call('ZRANGEBYSCORE', base .. 'e', '-inf', text(before), 'LIMIT', '0', '100')) do
    call('HDEL', base .. 'b', name)
    call('ZREM', base .. 'e', name)
    call('ZREM', base .. 'l', name)
  end
end
`;

/**
 * `[subject, count, rest, first, longest, clean, most]`, the times in µs → `[count, rest]`: bans a
 * subject, unless it is banned already; with a higher count, and longer, where it had more bans lately
 * than the process knew. `[0, 0]`: there are too many bans.
 */
export const BAN: RedisScript = redisScript(
  SHARED +
    BANS +
    String.raw`
local name, count, rest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local first, longest, clean = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
forget(now)
local till, before = ban(name)
if till > now then return { before, till - now } end
if before > 0 and till + clean > now and before + 1 > count then
  count = before + 1
  rest = math.min(first * 2 ^ before, longest)
end
if before == 0 and call('HLEN', base .. 'b') >= tonumber(ARGV[7]) then
  forget(now + clean)
  if call('HLEN', base .. 'b') >= tonumber(ARGV[7]) then return { 0, 0 } end
end
keep(name, now + rest, count, now + rest + clean)
return { count, rest }
`,
);

/** `[subject]`: ends a ban and forgets how many there were. */
export const PARDON: RedisScript = redisScript(
  SHARED +
    BANS +
    String.raw`
local _, count = ban(ARGV[1])
if count > 0 then keep(ARGV[1], 0, 0, now + 60000000) end
return count
`,
);

/**
 * `[version, n]` → `[memory, version, 1 where there are more, (subject, count, µs that are left) × …]`:
 * what changed after a version, at most n.
 */
export const READ_BANS: RedisScript = redisScript(
  SHARED +
    BANS +
    String.raw`
local memory, version = tonumber(call('GET', base .. 'o') or 0), tonumber(call('GET', base .. 'v') or 0)
if version <= tonumber(ARGV[1]) then return { memory, version, 0 } end
local changed = call('ZRANGEBYSCORE', base .. 'l', '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', '0', ARGV[2])
local reply = { memory, version, 0 }
if #changed / 2 >= tonumber(ARGV[2]) then
  reply[2] = tonumber(changed[#changed])
  reply[3] = 1
end
for i = 1, #changed, 2 do
  local till, count = ban(changed[i])
  reply[#reply + 1] = changed[i]
  reply[#reply + 1] = count
  reply[#reply + 1] = till - now
end
return reply
`,
);
