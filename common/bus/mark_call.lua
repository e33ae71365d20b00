-- Sets a field of a call's meta hash and removes others, unless the call is gone.
-- KEYS: meta hash.
-- ARGV: the field; its value; the others.
-- Answer: 1, or 0 if the call is gone.

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
for i = 3, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
return 1
