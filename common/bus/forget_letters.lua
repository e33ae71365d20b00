-- Removes the dead letters of sessions with their contents, and what the streams still have of
-- removed ones: see `forget_work.lua`. Nothing is done if there is neither.
-- KEYS: dead letters, their contents.
-- ARGV: the sessions.
-- Answer: how many dead letters of these sessions there were.

local erased, kept, count = {}, {}, 0
for _, session in ipairs(ARGV) do erased[session] = true end
local letters = redis.call('XRANGE', KEYS[1], '-', '+')
for _, letter in ipairs(letters) do
  if erased[string.match(letter[2][4], '^(.+)%.%d')] then
    count = count + 1
  else
    kept[letter[1]] = true
  end
end
-- Fewer entries than were added: some were removed, and their bytes may still be there. A stream
-- that is written again counts from its new beginning.
local function removed(key)
  if redis.call('EXISTS', key) == 0 then return false end
  local reply, facts = redis.call('XINFO', 'STREAM', key), {}
  for i = 1, #reply, 2 do facts[reply[i]] = reply[i + 1] end
  return facts['entries-added'] ~= facts['length']
end
if count == 0 and not removed(KEYS[1]) and not removed(KEYS[2]) then return 0 end
local contents, left = redis.call('XRANGE', KEYS[2], '-', '+'), redis.call('PTTL', KEYS[2])
redis.call('DEL', KEYS[1], KEYS[2])
local function write(key, entries)
  for _, entry in ipairs(entries) do
    if kept[entry[1]] then redis.call('XADD', key, entry[1], unpack(entry[2])) end
  end
end
write(KEYS[1], letters)
write(KEYS[2], contents)
if left > 0 then redis.call('PEXPIRE', KEYS[2], left) end
return count
