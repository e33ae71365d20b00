-- Puts a control into a leg's audio: once, by its ordinal, and only for the session's owner.
-- Audio needs no fence: every gateway writes the same audio, and its position makes it idempotent.
-- A control of a gateway that has lost the session must not count: the client sends it again to the
-- next gateway. If audio lies beyond its position by then, it takes effect behind that audio.
-- KEYS: audio stream, meta hash.
-- ARGV: owner, position, order, body, channel, ordinal, '1' if nothing may follow, options or ''.
-- Answer: 1 when the control is in the stream; -1 when the session has another owner or is gone.

if redis.call('HGET', KEYS[2], 'owner') ~= ARGV[1] then return -1 end
local count, ended = 'c' .. ARGV[5], 'e' .. ARGV[5]
local ordinal = tonumber(ARGV[6])
if redis.call('HEXISTS', KEYS[2], ended) == 1 then return 1 end
if ordinal > 0 and ordinal <= tonumber(redis.call('HGET', KEYS[2], count) or 0) then return 1 end
local position, order = tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local major, minor = string.match(info[i + 1], '^(%d+)-(%d+)$')
      major, minor = tonumber(major), tonumber(minor)
      if major > position or (major == position and minor >= order) then
        position, order = major, minor + 1
      end
    end
  end
end
redis.call('XADD', KEYS[1], string.format('%d-%d', position, order), 'c', ARGV[4])
if ordinal > 0 then redis.call('HSET', KEYS[2], count, ARGV[6]) end
if ARGV[7] == '1' then redis.call('HSET', KEYS[2], ended, string.format('%d', position)) end
if ARGV[8] ~= '' then redis.call('HSET', KEYS[2], 'options', ARGV[8]) end
return 1
