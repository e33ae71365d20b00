-- Notes how far a sink has been told of a call, and keeps what is still to be told alive.
-- KEYS: meta hash, then the call's texts.
-- ARGV: the last seq that it was told, or '' for no change; seconds; '1' to begin; the sink's fields
-- with what it was told, after which seq it is told again, and that it gets nothing more.
-- Answer: how the call stands, and the last seq that it was told, if any. 1: it runs, or came to its
-- end; 2: it broke off; 0: it is gone; 3: begin again; 4: nothing more.

if redis.call('EXISTS', KEYS[1]) == 0 then return {0} end
if redis.call('HEXISTS', KEYS[1], ARGV[6]) == 1 then return {4} end
local again = redis.call('HGET', KEYS[1], ARGV[5])
if again and ARGV[3] ~= '1' then return {3} end
if again then
  redis.call('HDEL', KEYS[1], ARGV[4], ARGV[5])
  if again ~= '' then redis.call('HSET', KEYS[1], ARGV[4], again) end
elseif ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[4], ARGV[1])
end
for _, key in ipairs(KEYS) do
  if redis.call('TTL', key) < tonumber(ARGV[2]) then redis.call('EXPIRE', key, ARGV[2]) end
end
local standing = redis.call('HEXISTS', KEYS[1], 'secret') == 1 and 1 or 2
return {standing, redis.call('HGET', KEYS[1], ARGV[4])}
