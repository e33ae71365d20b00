-- Removes the dead letters of sessions with their audio, and what the streams still have of
-- removed ones: see `forget_work.lua`. Nothing is done if there are none.
-- KEYS: dead letters, their audio.
-- ARGV: the sessions.
-- Answer: how many dead letters of these sessions there were.

local erased, gone, count = {}, {}, 0
for _, session in ipairs(ARGV) do erased[session] = true end
local letters = redis.call('XRANGE', KEYS[1], '-', '+')
for _, letter in ipairs(letters) do
  if erased[string.match(letter[2][4], '^(.+)%.%d')] then
    gone[letter[1]] = true
    count = count + 1
  end
end
if count == 0 then return 0 end
local audio, left = redis.call('XRANGE', KEYS[2], '-', '+'), redis.call('PTTL', KEYS[2])
redis.call('DEL', KEYS[1], KEYS[2])
local function write(key, entries)
  for _, entry in ipairs(entries) do
    if not gone[entry[1]] then redis.call('XADD', key, entry[1], unpack(entry[2])) end
  end
end
write(KEYS[1], letters)
write(KEYS[2], audio)
if left > 0 then redis.call('PEXPIRE', KEYS[2], left) end
return count
