-- Counts the entries of the last window, by the time that Redis gave them.
-- KEYS: a stream.
-- ARGV: window in ms, most to count.
-- Answer: how many entries there are, at most that many.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local since = string.format('%d', now - ARGV[1])
return #redis.call('XRANGE', KEYS[1], since, '+', 'COUNT', ARGV[2])
