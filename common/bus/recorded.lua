-- Notes how many parts of a leg's recording are put aside. That only grows: a gateway that was
-- stopped meanwhile may tell late.
-- KEYS: meta hash.
-- ARGV: the leg's field, the number.
-- Answer: 1, or 0 when the call is gone.

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return 1
