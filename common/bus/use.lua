-- Adds to a tenant's usage what a call has used since it was last told of.
-- KEYS: the tenant's usage of the day, what it has of the call.
-- ARGV: id of the call's API key or '', legs, audio in ms, speech in ms, lifetimes of both in s.
-- Answer: audio in ms that the API key has used on that day, then what was new: calls, legs, audio
-- and speech in ms.
-- All figures are totals of the call, so telling them again adds nothing.

local usage, counted = KEYS[1], KEYS[2]
local key, legs = ARGV[1], tonumber(ARGV[2])
local before = redis.call('HMGET', counted, 'audio_ms', 'speech_ms')
local audio = math.max(0, tonumber(ARGV[3]) - tonumber(before[1] or 0))
local speech = math.max(0, tonumber(ARGV[4]) - tonumber(before[2] or 0))
local calls = before[1] and 0 or 1
if calls == 1 then
  redis.call('HINCRBY', usage, 'calls', 1)
  redis.call('HINCRBY', usage, 'legs', legs)
end
redis.call('HINCRBY', counted, 'audio_ms', audio)
redis.call('HINCRBY', counted, 'speech_ms', speech)
redis.call('HINCRBY', usage, 'audio_ms', audio)
redis.call('HINCRBY', usage, 'speech_ms', speech)
redis.call('EXPIRE', usage, ARGV[5])
redis.call('EXPIRE', counted, ARGV[6])
local of_key = 0
if key ~= '' then of_key = redis.call('HINCRBY', usage, 'audio_ms:' .. key, audio) end
return {of_key, calls, calls * legs, audio, speech}
