-- Removes finished work items.
-- KEYS: stream of work items, index hash.
-- ARGV: consumer group, then entry id and key of each work item.
-- Answer: 1.

for i = 2, #ARGV, 2 do
  local entry, key = ARGV[i], ARGV[i + 1]
  redis.call('XACK', KEYS[1], ARGV[1], entry)
  redis.call('XDEL', KEYS[1], entry)
  if redis.call('HGET', KEYS[2], key) == entry then redis.call('HDEL', KEYS[2], key) end
end
return 1
