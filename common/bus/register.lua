-- Registers a work item once. Redis makes its id, because a claims stream has many writers.
-- KEYS: claims stream, index hash.
-- ARGV: claim key, body.
-- Answer: the id of the claim's entry.

local held = redis.call('HGET', KEYS[2], ARGV[1])
if held then return held end
local id = redis.call('XADD', KEYS[1], '*', 'k', ARGV[1], 'p', ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], id)
return id
