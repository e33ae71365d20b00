-- Writes a dead letter: once for each entry of its work item, and not too many within a window.
-- Many of them together are more likely a bad deploy than bad audio. The time is Redis's own, as in
-- the ids.
-- KEYS: dead letters, their contents.
-- ARGV: entry and key of the work item, body, reason, worker, attempts, audio or '', most letters,
-- most in a window, window in ms, most with contents, lifetime of contents in seconds.
-- Answer: 1 when the letter exists, 0 when there were too many within the window.

for _, letter in ipairs(redis.call('XREVRANGE', KEYS[1], '+', '-')) do
  if letter[2][2] == ARGV[1] then return 1 end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local since = string.format('%d', now - ARGV[10])
if #redis.call('XRANGE', KEYS[1], since, '+', 'COUNT', ARGV[9]) >= tonumber(ARGV[9]) then
  return 0
end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[8], '*', 'e', ARGV[1], 'k', ARGV[2],
  'r', ARGV[4], 'own', ARGV[5], 't', ARGV[6])
local contents = {'p', ARGV[3]}
if ARGV[7] ~= '' then contents = {'p', ARGV[3], 'a', ARGV[7]} end
redis.pcall('XADD', KEYS[2], 'MAXLEN', ARGV[11], id, unpack(contents))
redis.call('XTRIM', KEYS[2], 'MINID', string.format('%d', now - 1000 * ARGV[12]))
redis.call('EXPIRE', KEYS[2], ARGV[12])
return 1
