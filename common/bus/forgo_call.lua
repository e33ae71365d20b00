-- Takes back what may_call has counted: the call was refused after all.
-- KEYS: the tenant's usage of the day, what it has of the call.
-- ARGV: id of the key.
-- Answer: 1 when it was counted.

local minute = redis.call('HGET', KEYS[2], 'asked')
if not minute then return 0 end
redis.call('HDEL', KEYS[2], 'asked')
if redis.call('HGET', KEYS[1], 'minute:' .. ARGV[1]) == minute then
  redis.call('HINCRBY', KEYS[1], 'opened:' .. ARGV[1], -1)
end
return 1
