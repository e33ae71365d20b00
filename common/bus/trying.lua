-- Notes since when a message of a call is tried on a sink in vain, whichever gateway tries it.
-- KEYS: meta hash.
-- ARGV: id of the message; the sink's field.
-- Answer: for how many ms; nothing when the call is gone.

if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local since, message = string.match(redis.call('HGET', KEYS[1], ARGV[2]) or '', '^(%d+) (.*)$')
if message == ARGV[1] then return now - since end
redis.call('HSET', KEYS[1], ARGV[2], string.format('%d %s', now, ARGV[1]))
return 0
