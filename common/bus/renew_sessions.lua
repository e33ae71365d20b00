-- Notes that sessions, or their deliveries, have a gateway. It uses Redis's clock: machines' clocks
-- are never compared.
-- KEYS: sessions, or what is due to a sink.
-- ARGV: 'XX' for those alone that are listed, since others may have been struck off meanwhile; or
-- ''; then session ids.
-- Answer: 1.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #ARGV do
  if ARGV[1] == '' then
    redis.call('ZADD', KEYS[1], now, ARGV[i])
  else
    redis.call('ZADD', KEYS[1], ARGV[1], now, ARGV[i])
  end
end
return 1
