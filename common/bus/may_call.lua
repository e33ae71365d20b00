-- Tells whether an API key may open one more call, and counts it.
-- KEYS: its tenant's usage of the day, what it has of the call.
-- ARGV: id of the key, most audio in ms on a day or 0, most new calls in a minute or 0, the minute,
-- lifetimes of both in s.
-- Answer: 0 when it may, 1 when its audio of the day is used up, 2 when it opens too many calls.
-- A call that is asked about again is counted once.

local usage, counted, key = KEYS[1], KEYS[2], ARGV[1]
local most_audio, most_calls = tonumber(ARGV[2]), tonumber(ARGV[3])
local fields = {'audio_ms:' .. key, 'minute:' .. key, 'opened:' .. key}
local now = redis.call('HMGET', usage, unpack(fields))
if most_audio > 0 and tonumber(now[1] or 0) >= most_audio then return 1 end
if redis.call('HEXISTS', counted, 'asked') == 1 then return 0 end
local opened = now[2] == ARGV[4] and tonumber(now[3]) or 0
if most_calls > 0 and opened >= most_calls then return 2 end
redis.call('HSET', usage, fields[2], ARGV[4], fields[3], opened + 1)
redis.call('HSET', counted, 'asked', ARGV[4])
redis.call('EXPIRE', usage, ARGV[5])
redis.call('EXPIRE', counted, ARGV[6])
return 0
