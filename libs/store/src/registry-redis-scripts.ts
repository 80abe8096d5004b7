/**
 * What the registry keeps on Redis, and the scripts that touch it. Facts are in tables like those of
 * the record index, in 32 shards by a checksum of the name; a field is a fact's name, its value
 *
 *     [0:10) version  [10] flags: bit 0 removed  [11:…) value
 *
 * Beside its table a shard has `w`: it is whole, that is, it holds all that the control objects say;
 * and `b`, while it is being made again: the token of whoever does so. A change may come to a shard in
 * any state and any number of times, because the newer version stays.
 *
 * Behind both stands the run id of the server, which is another one after each start and failover.
 * The server may lack its last writes then, so a shard counts as whole only where the run id is the same.
 * Before it in `w` is a time, in ms since 1970: what the control objects said then is in the shard.
 *
 * In a slot of their own are `v`, which is another one after each change; `collections`, those that
 * have facts or had some, with the `v` and the run id for which that holds; `journal`, what changed lately
 * from which `v` to which (`registry-redis-journal.ts`); `seen`, the control objects
 * that are in the tables (score 1: once, 2: looked at again later); `told`, those that some
 * process was told of lately; `lease`, who looks after all this;
 * `rest`, while nobody needs to; and `at`, when all was well last.
 */
import { LUA_SHARED } from './record-index-redis-rows.ts';
import { LUA_BOOT } from './record-index-redis-state-scripts.ts';
import { LUA_TABLE } from './record-index-redis-tables.ts';
import { type RedisScript, redisScript } from './redis-connection.ts';
import { JOURNAL_BYTES_MAX } from './registry-redis-journal.ts';

/** Collections that are noted to have facts; where there are more, it is unknown of all which are empty. */
export const COLLECTIONS_MAX = 64;

const LUA_WHOLE = String.raw`
-- When all was in the shard; nothing where another server has it, or nobody has made it yet.
local function wholeAt()
  local at, server = (redis.call('GET', KEYS[1] .. 'w') or ''):match('^(%d+) (%x*)$')
  return server == boot() and at
end
local function setWhole(at) redis.call('SET', KEYS[1] .. 'w', at .. ' ' .. boot()) end
local function isBegun(token) return redis.call('GET', KEYS[1] .. 'b') == token .. ' ' .. boot() end
`;

const WITH_MARKS = LUA_BOOT + LUA_WHOLE;
const WITH_TABLE = LUA_SHARED + LUA_TABLE + WITH_MARKS;

/** `[letter, field, …]` → `[1, value or nil, …]`, or `[0]` where the shard is not whole. */
export const READ_FACTS: RedisScript = redisScript(
  WITH_TABLE +
    String.raw`
if not wholeAt() then return { 0 } end
local found = { 1 }
for i = 2, #ARGV do found[i] = get(ARGV[i]) or false end
return found
`,
);

/**
 * `[letter, token, ms, field, value, …]` → 1. With a token, which then holds for so long, the shard is
 * being made again: 0 where somebody else does so, or it was emptied.
 */
export const APPLY_FACTS: RedisScript = redisScript(
  WITH_TABLE +
    String.raw`
if ARGV[2] ~= '' then
  if not isBegun(ARGV[2]) then return 0 end
  call('PEXPIRE', base .. 'b', ARGV[3])
end
for i = 4, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  local old, lower = get(field)
  if not old or less(sub(old, 1, 10), sub(value, 1, 10)) then set(field, value, lower) end
end
return 1
`,
);

/**
 * `[letter, after, end, n]` → `[1, horizon, field, value, …]`: what is there between two fields, both
 * exclusive, in no order; n facts or more unless that is all. The horizon is where to go on, empty at
 * the end. `[0]` where the shard is not whole.
 */
export const LIST_FACTS: RedisScript = redisScript(
  WITH_TABLE +
    String.raw`
if not wholeAt() then return { 0 } end
local after, stop, wanted = ARGV[2], ARGV[3], tonumber(ARGV[4])
local found, n = { 1, '' }, 0
local lower = find(directory, after)
while lower and less(lower, stop) do
  if n >= wanted then
    found[2] = lower
    break
  end
  local all = call('HGETALL', base .. letter .. lower)
  for i = 1, #all, 2 do
    local field, value = all[i], all[i + 1]
    if byte(value, 11) == 0 and less(after, field) and less(field, stop) then
      n = n + 1
      found[#found + 1] = field
      found[#found + 1] = value
    end
  end
  lower = above(directory, lower)
end
return found
`,
);

/** `[letter, token, ms]`: empties a shard to make it again. */
export const BEGIN_SHARD: RedisScript = redisScript(
  WITH_TABLE +
    String.raw`
call('DEL', base .. 'w')
call('SET', base .. 'b', ARGV[2] .. ' ' .. boot(), 'PX', ARGV[3])
for _, lower in ipairs(call('ZRANGE', directory, '0', '-1')) do
  call('UNLINK', base .. letter .. lower)
end
call('DEL', directory)
return 1
`,
);

/**
 * `[token, ms]` → 1: the shard is whole from now on, as of a time; 0: somebody else makes it again, it was
 * emptied, or its server is another one.
 */
export const FINISH_SHARD: RedisScript = redisScript(
  WITH_MARKS +
    String.raw`
if not isBegun(ARGV[1]) then return 0 end
setWhole(ARGV[2])
redis.call('DEL', KEYS[1] .. 'b')
return 1
`,
);

/**
 * → `[ms, server, 1: it is the same server as ever, or 0]`: what a shard holds, as of when. `ms` is empty where it
 * has to be made again.
 */
export const READ_WHOLE: RedisScript = redisScript(
  WITH_MARKS +
    String.raw`
local at = (redis.call('GET', KEYS[1] .. 'w') or ''):match('^%d+')
return { at or '', boot(), wholeAt() and 1 or 0 }
`,
);

/** `[server, ms]` → 1: the shard is whole as of a time; 0: it was emptied, or has yet another server. */
export const ADOPT_WHOLE: RedisScript = redisScript(
  WITH_MARKS +
    String.raw`
if boot() ~= ARGV[1] or redis.call('EXISTS', KEYS[1] .. 'w') == 0 then return 0 end
setWhole(ARGV[2])
return 1
`,
);

/** `[ms]`: what is whole is so as of this time. */
export const STAMP_WHOLE: RedisScript = redisScript(
  WITH_MARKS +
    String.raw`
if wholeAt() then setWhole(ARGV[1]) end
return 1
`,
);

/**
 * `[letter, n]` → `[1, collection, …]`: those that a shard has a field of, n at most. `[0]` where the
 * shard is not whole. It reads a hash or two for each, not all.
 */
export const READ_COLLECTIONS: RedisScript = redisScript(
  WITH_TABLE +
    String.raw`
if not wholeAt() then return { 0 } end
local found, after = { 1 }, ''
local lower = find(directory, after)
while lower and #found <= tonumber(ARGV[2]) do
  local nearest
  for _, field in ipairs(call('HKEYS', base .. letter .. lower)) do
    if less(after, field) and not (nearest and less(nearest, field)) then nearest = field end
  end
  if nearest then
    found[#found + 1] = nearest:match('^[^%z]*')
    after = found[#found] .. char(1)
    lower = find(directory, after)
  else
    lower = above(directory, lower)
  end
end
return found
`,
);

/** What holds for another `v` or another server is not known. */
const LUA_FILLED = String.raw`
local base = KEYS[1]
local function version() return redis.call('GET', base .. 'v') or '' end
local function filled()
  local holds, names = (redis.call('GET', base .. 'collections') or ''):match('^(%S+ %S+)(.*)$')
  return holds == version() .. ' ' .. boot() and names
end
local function setFilled(version, names)
  redis.call('SET', base .. 'collections', version .. ' ' .. boot() .. names)
end
`;
const WITH_FILLED = LUA_BOOT + LUA_FILLED;

/** → `[v, collections with facts]`; null where it is not known. A space stands before each collection. */
export const READ_VERSION: RedisScript = redisScript(
  `${WITH_FILLED}return { redis.call('GET', base .. 'v'), filled() }`,
);

/**
 * `[new v, collections, body, score, name, score, name, …]`: these objects are in the tables, with facts of
 * these collections, each behind a space, of which the body says more. Where the other collections are not
 * known, that stays so.
 */
export const NOTE_SEEN: RedisScript = redisScript(
  WITH_FILLED +
    String.raw`
local names, before, journal = filled(), version(), redis.call('GET', base .. 'journal') or ''
local entry = table.concat({ before, ARGV[1], #ARGV[3], ARGV[3] }, '\n')
redis.call('SET', base .. 'journal', (entry .. journal):sub(1, ${JOURNAL_BYTES_MAX}))
for i = 4, #ARGV, 2 do redis.call('ZADD', base .. 'seen', 'GT', ARGV[i], ARGV[i + 1]) end
redis.call('SET', base .. 'v', ARGV[1])
if not names then return 1 end
for name in ARGV[2]:gmatch(' %S+') do
  if not (names .. ' '):find(name .. ' ', 1, true) then names = names .. name end
end
local _, n = names:gsub(' ', '')
if n > ${COLLECTIONS_MAX} then return redis.call('DEL', base .. 'collections') end
setFilled(ARGV[1], names)
return 1
`,
);

/** → `[journal]`. */
export const READ_JOURNAL: RedisScript = redisScript(
  `return redis.call('GET', KEYS[1] .. 'journal') or ''`,
);

/** `[v, collections]`, each behind a space: no others have facts, unless something has changed since that `v`. */
export const NOTE_FILLED: RedisScript = redisScript(
  WITH_FILLED +
    String.raw`
if version() == ARGV[1] then setFilled(ARGV[1], ARGV[2]) end
return 1
`,
);

/** → `[at, name, score, …]`. */
export const READ_SEEN: RedisScript = redisScript(String.raw`
local found = redis.call('ZRANGE', KEYS[1] .. 'seen', '0', '-1', 'WITHSCORES')
table.insert(found, 1, redis.call('GET', KEYS[1] .. 'at') or '0')
return found
`);

/** `[at, name, …]`: all was well then; these objects are no more. */
export const FORGET_SEEN: RedisScript = redisScript(String.raw`
local base = KEYS[1]
redis.call('SET', base .. 'at', ARGV[1])
for i = 2, #ARGV do redis.call('ZREM', base .. 'seen', ARGV[i]) end
return 1
`);

/** `[time, time before which claims are forgotten, name, …]` → those that nobody has claimed before. */
export const CLAIM_NEWS: RedisScript = redisScript(String.raw`
local told, claimed = KEYS[1] .. 'told', {}
redis.call('ZREMRANGEBYSCORE', told, '-inf', ARGV[2])
for i = 3, #ARGV do
  if redis.call('ZADD', told, 'NX', ARGV[1], ARGV[i]) == 1 then claimed[#claimed + 1] = ARGV[i] end
end
return claimed
`);

/** `[owner, ms, 1 where nobody may rest]` → 1: the lease is the owner's. */
export const TAKE_LEASE: RedisScript = redisScript(String.raw`
local base, holder = KEYS[1], redis.call('GET', KEYS[1] .. 'lease')
if holder and holder ~= ARGV[1] then return 0 end
if not holder and ARGV[3] ~= '1' and redis.call('EXISTS', base .. 'rest') == 1 then return 0 end
redis.call('SET', base .. 'lease', ARGV[1], 'PX', ARGV[2])
return 1
`);

/** `[owner, ms]`: ends a lease; for so long nobody needs to look. */
export const END_LEASE: RedisScript = redisScript(String.raw`
local base = KEYS[1]
if redis.call('GET', base .. 'lease') ~= ARGV[1] then return 0 end
redis.call('DEL', base .. 'lease')
redis.call('SET', base .. 'rest', '1', 'PX', ARGV[2])
return 1
`);
