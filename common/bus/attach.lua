-- Attaches words to an item of a leg: inside the item, or once behind the end of the text.
-- Before the item is there, the newest four are kept: it is not known which of them the item will
-- name, and words for its earlier ends may come late. Words that it does not name are dropped.
-- KEYS: text stream, parked hash, meta hash.
-- ARGV: item number, digest, words, TTL in seconds.
-- Answer: 1 when the words entered the text; 0 when they wait for their item or nothing awaits
-- them; -1 when the session is gone or broke off.

if redis.call('HEXISTS', KEYS[3], 'secret') == 0 then return -1 end
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local last, order = 0, 0
if top[1] then
  last, order = string.match(top[1][1], '^(%d+)-(%d+)$')
  last, order = tonumber(last), tonumber(order)
end
if tonumber(ARGV[1]) > last then
  local field = 'w' .. ARGV[1]
  local parked = redis.call('HGET', KEYS[2], field)
  local attached = {{ARGV[2], ARGV[3]}}
  for _, each in ipairs(parked and cmsgpack.unpack(parked) or {}) do
    if each[1] ~= ARGV[2] and #attached < 4 then attached[#attached + 1] = each end
  end
  redis.call('HSET', KEYS[2], field, cmsgpack.pack(attached))
  redis.call('EXPIRE', KEYS[2], ARGV[4])
  return 0
end
local awaits = 'a' .. ARGV[1]
if redis.call('HGET', KEYS[2], awaits) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[2], awaits)
local seq = redis.call('HINCRBY', KEYS[3], 'seq', 1)
redis.call('XADD', KEYS[1], last .. '-' .. order + 1, 's', seq, 'u', ARGV[1], 'w', ARGV[3])
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
redis.call('EXPIRE', KEYS[2], ARGV[4])
return 1
