-- Puts an item of a leg into its text, once and in order; it waits for its predecessors.
-- If its body names an `align` digest, the words attached under that digest go with it.
-- A flush of a leg that says nothing is answered by an item without words. A client may flush for
-- ever, so only the newest of these answers stay: a late reader misses no word.
-- Only items that are shown to clients count in the session's seq. Field c of an entry: when it
-- entered the text, by Redis's clock, in s since 1970.
-- KEYS: text stream, parked hash, meta hash, partial.
-- In parked, <n> is an item, w<n> the words attached to it so far, a<n> the digest that it awaits.
-- ARGV: item number, body, TTL in seconds, answers to keep.
-- Answer: how many items entered the text; 0 when this one was already there or must wait; -1 when
-- the session is gone or broke off.

local function answer(item)
  return item.t == 'final' and item.text == '' and item.start == item['end'] and not item.failed
end

redis.call('UNLINK', KEYS[4])
if redis.call('HEXISTS', KEYS[3], 'secret') == 0 then return -1 end
local number = tonumber(ARGV[1])
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local last = 0
if top[1] then last = tonumber(string.match(top[1][1], '^%d+')) end
if number <= last then return 0 end
if redis.call('HSETNX', KEYS[2], number, ARGV[2]) == 0 then return 0 end
local added = 0
local time = redis.call('TIME')
local now = string.format('%d.%06d', time[1], time[2])
while true do
  local body = redis.call('HGET', KEYS[2], last + 1)
  if not body then break end
  last = last + 1
  added = added + 1
  local item = cmsgpack.unpack(body)
  local attached = redis.call('HGET', KEYS[2], 'w' .. last)
  local words
  for _, each in ipairs(attached and cmsgpack.unpack(attached) or {}) do
    if each[1] == item.align then words = each[2] end
  end
  local seq = redis.call('HINCRBY', KEYS[3], 'seq', item.shown and 1 or 0)
  if words then
    redis.call('XADD', KEYS[1], last .. '-1', 's', seq, 'p', body, 'c', now, 'w', words)
  else
    redis.call('XADD', KEYS[1], last .. '-1', 's', seq, 'p', body, 'c', now)
    if item.align then redis.call('HSET', KEYS[2], 'a' .. last, item.align) end
  end
  redis.call('HDEL', KEYS[2], last, 'w' .. last)
  if last > tonumber(ARGV[4]) then
    local at = string.format('%d-1', last - ARGV[4])
    local old = redis.call('XRANGE', KEYS[1], at, at)[1]
    local body = {}
    for i = 1, old and #old[2] or 0, 2 do body[old[2][i]] = old[2][i + 1] end
    if body.p and answer(cmsgpack.unpack(body.p)) then redis.call('XDEL', KEYS[1], at) end
  end
end
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
redis.call('EXPIRE', KEYS[2], ARGV[3])
return added
