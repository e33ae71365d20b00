-- Makes a short-lived token usable again, if it was used up by this call.
-- KEYS: what remembers the token.
-- ARGV: session.
-- Answer: 1 when it was.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])
