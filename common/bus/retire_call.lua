-- Removes what a call needs only while it runs; the rest stays for its retention. A gateway that was
-- stopped may ask late: nothing changes then if the call has another owner.
-- KEYS: meta hash, text and trace that stay, then working keys.
-- ARGV: owner, retention in s, how many keys stay beside meta, what becomes of meta: 'whole',
-- 'broken' (nobody can resume it or add to it) or 'nothing'.
-- Answer: the owner, or nothing when there is none.

local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[1] then return owner end
local stay = 1 + tonumber(ARGV[3])
for i = stay + 1, #KEYS do redis.call('UNLINK', KEYS[i]) end
if ARGV[4] == 'nothing' then redis.call('UNLINK', KEYS[1]) end
if ARGV[4] == 'broken' then redis.call('HDEL', KEYS[1], 'secret') end
for i = 1, stay do redis.call('EXPIRE', KEYS[i], ARGV[2]) end
return owner
