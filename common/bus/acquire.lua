-- Acquires a work item: fences its former owners and reads what they left, in one step.
-- A marker with a higher epoch goes into each epoch stream; after it Redis refuses their writes.
-- KEYS: the work item's epoch streams, then the stream of its outputs.
-- ARGV: owner, TTL in seconds.
-- Answer: the epoch, then the newest entries of the first and of the last stream, owners' markers
-- left out; each is empty if there is none.

local function newest(key)
  local last = '+'
  while true do
    local page = redis.call('XREVRANGE', key, last, '-', 'COUNT', 4)
    for _, entry in ipairs(page) do
      if entry[2][1] ~= 'own' then return entry end
      last = '(' .. entry[1]
    end
    if #page < 4 then return {} end
  end
end
local epoch = 0
for i = 1, #KEYS - 1 do
  local top = redis.call('XREVRANGE', KEYS[i], '+', '-', 'COUNT', 1)[1]
  if top then epoch = math.max(epoch, tonumber(string.match(top[1], '^%d+'))) end
end
epoch = epoch + 1
for i = 1, #KEYS - 1 do
  redis.call('XADD', KEYS[i], string.format('%d-1', epoch), 'own', ARGV[1])
  redis.call('EXPIRE', KEYS[i], ARGV[2], 'NX')
end
return {epoch, newest(KEYS[1]), newest(KEYS[#KEYS])}
