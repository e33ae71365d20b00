-- Finds sessions that no gateway has renewed for long, or whose deliveries none looks after.
-- Adopted sessions count as renewed, so that only one gateway gets each.
-- KEYS: sessions, or what is due to a sink.
-- ARGV: longest silence in ms, most to find, '1' to adopt them.
-- Answer: the ids of these sessions.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1], 'LIMIT', 0, ARGV[2])
if ARGV[3] == '1' then
  for _, session in ipairs(found) do redis.call('ZADD', KEYS[1], now, session) end
end
return found
