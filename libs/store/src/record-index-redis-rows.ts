/**
 * Rows on Redis: short byte strings of one length in order, packed in pages that are strings. A page
 * leaves out what all its rows begin with. Scripts change pages where they lie, so that any number of
 * writers can add to one page without knowing of each other.
 *
 *     [0]      p, bytes that all rows of the page begin with
 *     [1:1+p)  those bytes
 *     …        rows without them, in any order; one may be there twice
 *
 * Within a page rows are in no order because Redis hashes every string that a script touches, byte by
 * byte: appending to a page without reading it takes half of what an insertion takes.
 *
 * A page is named by its lower bound: the row, cut short, from which on rows are in it. A sorted set,
 * the directory, holds the bounds of all pages; the first is empty. What all rows of a page begin with
 * follows from its lower bound and the next, so that adding rows never changes it.
 */
import { type RedisScript, redisScript } from './redis-connection.ts';

/** Most bytes of a page, but for one that was joined with a shorter beginning. */
const PAGE_BYTES_MAX = 3_056;
/** Bytes of a row that a page never leaves out. */
const ROW_BYTES_MIN = 1;

/**
 * What all scripts share. `KEYS[1]` is what the keys of a slot begin with. Strings are never compared
 * by `<`, which goes by the locale of the server.
 */
export const LUA_SHARED: string = String.raw`
local call, sub, byte, char = redis.call, string.sub, string.byte, string.char
local floor, concat = math.floor, table.concat
local base = KEYS[1]

local function less(a, b)
  local shorter = math.min(#a, #b)
  for i = 1, shorter do
    local x, y = byte(a, i), byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local function common(a, b)
  local n = 0
  local shorter = math.min(#a, #b)
  while n < shorter and byte(a, n + 1) == byte(b, n + 1) do n = n + 1 end
  return n
end

-- Numbers are handed to Redis as strings: it prints those of Lua by a slow way.
-- The greatest bound of a directory that is not above the key.
local function find(directory, key)
  return call('ZREVRANGEBYLEX', directory, '[' .. key, '-', 'LIMIT', '0', '1')[1]
end

local function above(directory, bound)
  return call('ZRANGEBYLEX', directory, '(' .. bound, '+', 'LIMIT', '0', '1')[1]
end

local function beneath(directory, bound)
  return call('ZREVRANGEBYLEX', directory, '(' .. bound, '-', 'LIMIT', '0', '1')[1]
end

-- The same as sorted() in twice the time, for users who may not call SORT: it counts as dangerous.
local function sortedByScore(temporary, strings)
  local scored = {}
  for n, each in ipairs(strings) do
    scored[2 * n - 1], scored[2 * n] = '0', each
  end
  call('DEL', temporary)
  call('ZADD', temporary, unpack(scored))
  local once = call('ZRANGE', temporary, '0', '-1')
  call('DEL', temporary)
  return once
end

-- Strings ascending, each once. Redis compares by bytes where it stores what it sorts.
local function sorted(strings)
  local temporary, once, n = base .. 't', {}, 0
  call('RPUSH', temporary, unpack(strings))
  local made = redis.pcall('SORT', temporary, 'ALPHA', 'STORE', temporary)
  if type(made) == 'table' then return sortedByScore(temporary, strings) end
  for _, each in ipairs(call('LRANGE', temporary, '0', '-1')) do
    if each ~= once[n] then
      n = n + 1
      once[n] = each
    end
  end
  call('DEL', temporary)
  return once
end
`;

/** Finds pages. `W` is a row's length, `G` how many bytes rows of one path begin with. */
const LUA_ROWS = String.raw`
local letter, W, G = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local directory = base .. string.upper(letter)

local function pageKey(lower) return base .. letter .. lower end

local function missing() error(redis.error_reply('CORRUPT a page of the record index is missing')) end

local function read(lower)
  return call('GET', pageKey(lower)) or missing()
end
`;

const LUA_WRITE = String.raw`
local MAX, MIN = ${PAGE_BYTES_MAX}, ${ROW_BYTES_MIN}

-- Adds the rows of a page at full length to a list.
local function expand(page, rows)
  local p = byte(page, 1)
  local prefix, w, n = sub(page, 2, p + 1), W - p, #rows
  for at = p + 2, #page, w do
    n = n + 1
    rows[n] = prefix .. sub(page, at, at + w - 1)
  end
  return rows
end

-- Stores the rows from the first to the last of a list as one page.
local function store(lower, upper, rows, first, last)
  local p = 0
  if upper then p = math.min(common(lower, upper), W - MIN) end
  local pieces = { char(p), sub(lower, 1, p) }
  for i = first, last do pieces[#pieces + 1] = sub(rows[i], p + 1) end
  call('SET', pageKey(lower), concat(pieces))
end

-- Stores sorted rows as pages that begin with the rows whose numbers are given.
local function storeCut(lower, upper, rows, cuts)
  local first = 1
  for _, cut in ipairs(cuts) do
    local bound = sub(rows[cut], 1, common(rows[cut - 1], rows[cut]) + 1)
    call('ZADD', directory, '0', bound)
    store(lower, bound, rows, first, cut - 1)
    lower, first = bound, cut
  end
  store(lower, upper, rows, first, #rows)
end

-- Cuts a page that became too large. 'newest' is the greatest row that was just added.
local function split(lower, newest)
  local page = read(lower)
  local upper = above(directory, lower)
  local rows = sorted(expand(page, {}))
  local n = #rows
  local path, mid, last = sub(newest, 1, G), floor(n / 2) + 1, n
  while rows[last] ~= newest do last = last - 1 end
  local isNewest = last == n or sub(rows[last + 1], 1, G) ~= path
  local cuts = {}
  if isNewest and last > mid and sub(rows[mid], 1, G) == path then
    -- One path grows at its end: what it leaves behind stays full.
    local room = floor(MAX / (W - byte(page, 1)))
    local cut = math.min(room + 1, last)
    while cut <= n do
      cuts[#cuts + 1] = cut
      cut = cut + room
    end
  else
    local pages = math.max(2, math.ceil(#page / MAX))
    for i = 1, pages - 1 do cuts[i] = floor(n * i / pages) + 1 end
  end
  storeCut(lower, upper, rows, cuts)
end

-- Adds rows, ascending.
local function put(rows)
  local i, total = 1, #rows
  while i <= total do
    local row = sub(rows, i, i + W - 1)
    local lower = find(directory, row)
    if not lower then
      lower = ''
      call('ZADD', directory, '0', '')
      call('SET', pageKey(''), char(0))
    end
    local key = pageKey(lower)
    local p = byte(call('GETRANGE', key, '0', '0'), 1) or missing()
    local added, upper, isKnown = { sub(row, p + 1) }, nil, false
    while true do
      i = i + W
      if i > total then break end
      local following = sub(rows, i, i + W - 1)
      if sub(following, 1, G) ~= sub(row, 1, G) then break end
      if not isKnown then upper, isKnown = above(directory, lower), true end
      if upper and not less(following, upper) then break end
      row = following
      added[#added + 1] = sub(row, p + 1)
    end
    if call('APPEND', key, concat(added)) > MAX then split(lower, row)
    -- APPEND reserves as much again as there is; a copy has its exact length.
    else call('BITOP', 'OR', key, key) end
  end
end

-- Joins a page that became small with a neighbour where there is room.
local function shrink(lower, page)
  local other = above(directory, lower)
  local left, right = lower, other
  if not other then
    left, right = beneath(directory, lower), lower
    if not left then
      if #page > 1 + byte(page, 1) then return call('SET', pageKey(lower), page) end
      call('DEL', pageKey(lower))
      return call('ZREM', directory, lower)
    end
  end
  local neighbour = read(other or left)
  local rows = expand(page, {})
  if #rows > 0 and #page + #neighbour > 0.7 * MAX then return call('SET', pageKey(lower), page) end
  expand(neighbour, rows)
  call('DEL', pageKey(right))
  call('ZREM', directory, right)
  local upper = above(directory, left)
  if #rows == 0 and not upper and not beneath(directory, left) then
    call('DEL', pageKey(left))
    call('ZREM', directory, left)
  else
    store(left, upper, rows, 1, #rows)
  end
end

-- Takes rows out.
local function take(rows)
  for i = 1, #rows, W do
    local row = sub(rows, i, i + W - 1)
    local lower = find(directory, row)
    if lower then
      local page = read(lower)
      local p = byte(page, 1)
      local w, rest = W - p, sub(row, p + 1)
      local at = string.find(page, rest, p + 2, true)
      local isGone = at ~= nil
      while at do
        if (at - p - 2) % w == 0 then page = sub(page, 1, at - 1) .. sub(page, at + w) else at = at + 1 end
        at = string.find(page, rest, at, true)
      end
      if isGone then
        if #page == p + 1 or #page < MAX / 4 then shrink(lower, page)
        else call('SET', pageKey(lower), page) end
      end
    end
  end
end

put(ARGV[4])
take(ARGV[5])
return 0
`;

const LUA_SCAN = String.raw`
local low, high, limit = ARGV[4], ARGV[5], tonumber(ARGV[6])
local found = {}
local lower = find(directory, high)
while lower do
  found[#found + 1] = lower
  found[#found + 1] = read(lower)
  if #found >= 2 * limit or not less(low, lower) then break end
  lower = beneath(directory, lower)
end
return found
`;

/** `[letter, W, G, rows to add, rows to take out]`, both ascending. */
export const WRITE_ROWS: RedisScript = redisScript(LUA_SHARED + LUA_ROWS + LUA_WRITE);

/**
 * `[letter, W, G, lowest row, highest row, limit]` → `[lower bound, page, …]` of the pages that have rows
 * between two, highest first, at most `limit`.
 */
export const SCAN_ROWS: RedisScript = redisScript(LUA_SHARED + LUA_ROWS + LUA_SCAN);
