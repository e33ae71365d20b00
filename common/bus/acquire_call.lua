-- Makes a gateway's connection the owner of a session; from then on only its controls count.
-- When a client abandons an attempt and makes another, the older one may be carried out later: it
-- may wait in a stopped gateway, or for Redis. If the client numbers its attempts, the latest wins.
-- KEYS: meta hash.
-- ARGV: hash of the secret or '' for a gateway that acts for itself, new owner, its gateway, TTL in
-- seconds, number of the client's attempt or 0, the owner that it must have now or '', most
-- channels of a session.
-- Answer: session, options, former gateway, seq, then per channel controls and end; nothing when
-- there is no such session; -1 when a later attempt of the client has it.

local fields = {'secret', 'session', 'options', 'gateway', 'seq'}
for channel = 0, tonumber(ARGV[7]) - 1 do
  fields[#fields + 1] = 'c' .. channel
  fields[#fields + 1] = 'e' .. channel
end
local meta = redis.call('HMGET', KEYS[1], unpack(fields))
local secret = table.remove(meta, 1)
if not meta[1] or (ARGV[1] ~= '' and ARGV[1] ~= secret) then return {} end
if ARGV[6] ~= '' and redis.call('HGET', KEYS[1], 'owner') ~= ARGV[6] then return -1 end
local attempt = tonumber(ARGV[5])
if attempt > 0 then
  local latest = tonumber(redis.call('HGET', KEYS[1], 'attempt') or 0)
  if attempt < latest then return -1 end
  if attempt == latest and redis.call('HGET', KEYS[1], 'owner') ~= ARGV[2] then return -1 end
  redis.call('HSET', KEYS[1], 'attempt', ARGV[5])
end
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'gateway', ARGV[3])
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return meta
