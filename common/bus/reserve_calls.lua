-- Reserves a client's calls, or renews them; calls that are not renewed are forgotten.
-- KEYS: a client's calls.
-- ARGV: most calls or 0 for no limit, longest silence in ms, call ids.
-- Answer: 1 when they are reserved, 0 when there would be too many.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most, silence = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - silence)
for i = 3, #ARGV do
  local room = most == 0 or redis.call('ZCARD', KEYS[1]) < most
  if not room and not redis.call('ZSCORE', KEYS[1], ARGV[i]) then return 0 end
  redis.call('ZADD', KEYS[1], now, ARGV[i])
end
redis.call('PEXPIRE', KEYS[1], silence)
return 1
