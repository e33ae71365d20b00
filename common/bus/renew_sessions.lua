-- Notes that sessions, or their webhooks, have a gateway. It uses Redis's clock: machines' clocks are never compared.
-- KEYS: sessions, or webhooks.
-- ARGV: session ids.
-- Answer: their number.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, session in ipairs(ARGV) do redis.call('ZADD', KEYS[1], now, session) end
return #ARGV
