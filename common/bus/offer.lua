-- Offers a work item once. Redis makes its id, because the stream has many writers.
-- An entry that is in the index alone was lost with the stream.
-- KEYS: stream of work items, index hash.
-- ARGV: key and body of the work item.
-- Answer: the id of its entry.

local offered = redis.call('HGET', KEYS[2], ARGV[1])
if offered and redis.call('XRANGE', KEYS[1], offered, offered)[1] then return offered end
local id = redis.call('XADD', KEYS[1], '*', 'k', ARGV[1], 'p', ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], id)
return id
