-- Renews a call for the gateway that owns it. A gateway that was stopped may ask late: by then the
-- call has another owner, or is over and lives longer.
-- KEYS: meta hash, then what else lives as long as the call.
-- ARGV: owner, lifetime in s.
-- Answer: the owner, or nothing when the call is gone.

local owner = redis.call('HGET', KEYS[1], 'owner')
if owner == ARGV[1] then
  for _, key in ipairs(KEYS) do
    if redis.call('TTL', key) < tonumber(ARGV[2]) then redis.call('EXPIRE', key, ARGV[2]) end
  end
end
return owner
