-- Tells whether an API key may open one more call, and counts it.
-- KEYS: its tenant's usage of the day.
-- ARGV: id of the key, most audio in ms on a day or 0, most new calls in a minute or 0, the minute,
-- the call, lifetime in s.
-- Answer: 0 when it may, 1 when its audio of the day is used up, 2 when it opens too many calls.
-- A call that is asked about again is counted once.

local usage, key = KEYS[1], ARGV[1]
local most_audio, most_calls = tonumber(ARGV[2]), tonumber(ARGV[3])
local fields = {'audio_ms:' .. key, 'minute:' .. key, 'opened:' .. key, 'last:' .. key}
local now = redis.call('HMGET', usage, unpack(fields))
if most_audio > 0 and tonumber(now[1] or 0) >= most_audio then return 1 end
if now[4] == ARGV[5] then return 0 end
local opened = now[2] == ARGV[4] and tonumber(now[3]) or 0
if most_calls > 0 and opened >= most_calls then return 2 end
redis.call('HSET', usage, fields[2], ARGV[4], fields[3], opened + 1, fields[4], ARGV[5])
redis.call('EXPIRE', usage, ARGV[6])
return 0
