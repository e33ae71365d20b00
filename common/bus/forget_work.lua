-- Removes the work items of sessions, and what the stream still has of removed ones: XDEL only
-- marks an entry, whose bytes stay until all entries beside it are removed. So it is written again.
-- What other work items have stays: their order, their owners and how long these were idle.
-- KEYS: stream of work items, index hash.
-- ARGV: the sessions.
-- Answer: how many work items of these sessions there were.

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local erased = {}
for _, session in ipairs(ARGV) do erased[session] = true end
local function fields(reply)
  local found = {}
  for i = 1, #reply, 2 do found[reply[i]] = reply[i + 1] end
  return found
end
local stream = fields(redis.call('XINFO', 'STREAM', KEYS[1]))
local last = stream['last-generated-id']
local entries = redis.call('XRANGE', KEYS[1], '-', '+')
local groups = {}
for _, reply in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = fields(reply)
  group.owned = redis.call('XPENDING', KEYS[1], group.name, '-', '+', 1000000)
  groups[#groups + 1] = group
end
redis.call('DEL', KEYS[1])
local removed = 0
for _, entry in ipairs(entries) do
  local key = entry[2][2]
  if erased[string.match(key, '^(.+)%.%d')] then
    removed = removed + 1
    redis.call('HDEL', KEYS[2], key)
  else
    redis.call('XADD', KEYS[1], entry[1], unpack(entry[2]))
  end
end
if redis.call('EXISTS', KEYS[1]) == 0 and last ~= '0-0' then
  redis.call('XADD', KEYS[1], last, 'k', '')
  redis.call('XDEL', KEYS[1], last)
end
for _, group in ipairs(groups) do
  redis.call('XGROUP', 'CREATE', KEYS[1], group.name, group['last-delivered-id'], 'MKSTREAM',
    'ENTRIESREAD', group['entries-read'] or -1)
  for _, owned in ipairs(group.owned) do
    redis.call('XCLAIM', KEYS[1], group.name, owned[2], 0, owned[1],
      'IDLE', owned[3], 'RETRYCOUNT', owned[4], 'FORCE', 'JUSTID')
  end
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('XSETID', KEYS[1], last, 'ENTRIESADDED', stream['entries-added'],
    'MAXDELETEDID', removed > 0 and last or stream['max-deleted-entry-id'])
end
return removed
