-- Notes how far a sink has been told of a call, and keeps what is still to be told alive.
-- KEYS: meta hash, then the call's texts.
-- ARGV: the last seq that it was told, or '' for no change; seconds; the sink's field.
-- Answer: 1, 2 when the call broke off, or 0 when it is gone.

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] ~= '' then redis.call('HSET', KEYS[1], ARGV[3], ARGV[1]) end
for _, key in ipairs(KEYS) do
  if redis.call('TTL', key) < tonumber(ARGV[2]) then redis.call('EXPIRE', key, ARGV[2]) end
end
return redis.call('HEXISTS', KEYS[1], 'secret') == 1 and 1 or 2
