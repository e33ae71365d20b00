"""Server-side scripts: the few steps that must be atomic, each idempotent so a retry is safe."""

from dataclasses import dataclass, field
from hashlib import sha1


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the digest Redis caches it under."""

    source: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        digest = sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


REGISTER = Script(
    """
-- KEYS: claims stream, index hash.  ARGV: claim key, body.  Returns the claims entry's id.
local held = redis.call('HGET', KEYS[2], ARGV[1])
if held then return held end
local id = redis.call('XADD', KEYS[1], '*', 'k', ARGV[1], 'p', ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], id)
return id
"""
)
"""Open a claim once. The id is Redis's own: a claims stream has many writers."""

RELEASE = Script(
    """
-- KEYS: claims stream, index hash.  ARGV: group, then entry id and key of each claim.
for i = 2, #ARGV, 2 do
  local entry, key = ARGV[i], ARGV[i + 1]
  redis.call('XACK', KEYS[1], ARGV[1], entry)
  redis.call('XDEL', KEYS[1], entry)
  if redis.call('HGET', KEYS[2], key) == entry then redis.call('HDEL', KEYS[2], key) end
end
return 1
"""
)
"""Close claims for good."""

TAKE_OFFICE = Script(
    """
-- KEYS: the claim's epoch streams, then the stream of its outputs.  ARGV: owner, TTL in seconds.
-- Returns the epoch, then the newest entry of the first and of the last stream that is no owner's
-- marker, each empty where there is none.
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
"""
)
"""Fence a claim's former owners and read what they left: both at once, so nothing comes between.

A marker of a higher epoch goes into each epoch stream; from it on Redis refuses their writes.
"""

COMMIT = Script(
    """
-- KEYS: text stream, held hash, meta hash, partial.  ARGV: item number, body, TTL in seconds.
-- Only items that are shown to clients count in the session's seq.
-- held: <n> is an item, w<n> what was attached to it so far, a<n> the digest that it awaits.
-- Returns how many items entered the text: 0 when this one was there already or must wait,
-- -1 when the session is gone.
redis.call('UNLINK', KEYS[4])
if redis.call('EXISTS', KEYS[3]) == 0 then return -1 end
local number = tonumber(ARGV[1])
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local last = 0
if top[1] then last = tonumber(string.match(top[1][1], '^%d+')) end
if number <= last then return 0 end
if redis.call('HSETNX', KEYS[2], number, ARGV[2]) == 0 then return 0 end
local added = 0
while true do
  local body = redis.call('HGET', KEYS[2], last + 1)
  if not body then break end
  last = last + 1
  added = added + 1
  local item = cmsgpack.unpack(body)
  local attached = redis.call('HGET', KEYS[2], 'w' .. last)
  local words
  for _, each in ipairs(attached and cmsgpack.unpack(attached) or {}) do
    if each[1] == item.align then words = each[2] end
  end
  local seq = redis.call('HINCRBY', KEYS[3], 'seq', item.shown and 1 or 0)
  if words then
    redis.call('XADD', KEYS[1], last .. '-1', 's', seq, 'p', body, 'w', words)
  else
    redis.call('XADD', KEYS[1], last .. '-1', 's', seq, 'p', body)
    if item.align then redis.call('HSET', KEYS[2], 'a' .. last, item.align) end
  end
  redis.call('HDEL', KEYS[2], last, 'w' .. last)
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return added
"""
)
"""Put item `number` of a leg into its text: once, and in order, waiting for its predecessors.

An item whose body names an `align` digest takes along what was attached under that digest.
"""

ATTACH = Script(
    """
-- KEYS: text stream, held hash, meta hash.  ARGV: item number, digest, words, TTL in seconds.
-- Returns 1 when the words entered the text, 0 when they wait for their item or nothing awaits
-- them, -1 when the session is gone.
if redis.call('EXISTS', KEYS[3]) == 0 then return -1 end
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local last, order = 0, 0
if top[1] then
  last, order = string.match(top[1][1], '^(%d+)-(%d+)$')
  last, order = tonumber(last), tonumber(order)
end
if tonumber(ARGV[1]) > last then
  local field = 'w' .. ARGV[1]
  local held = redis.call('HGET', KEYS[2], field)
  local attached = {{ARGV[2], ARGV[3]}}
  for _, each in ipairs(held and cmsgpack.unpack(held) or {}) do
    if each[1] ~= ARGV[2] and #attached < 4 then attached[#attached + 1] = each end
  end
  redis.call('HSET', KEYS[2], field, cmsgpack.pack(attached))
  redis.call('EXPIRE', KEYS[2], ARGV[4])
  return 0
end
local awaits = 'a' .. ARGV[1]
if redis.call('HGET', KEYS[2], awaits) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[2], awaits)
local seq = redis.call('HINCRBY', KEYS[3], 'seq', 1)
redis.call('XADD', KEYS[1], last .. '-' .. order + 1, 's', seq, 'u', ARGV[1], 'w', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return 1
"""
)
"""Give an item of a leg its words: with the item, or once behind whatever the text ends with.

Of an item that is still to come the newest four are kept: which of them it will name is not known,
and answers for its earlier ends may come late. Words that the item does not name are dropped.
"""

CONTROL = Script(
    """
-- KEYS: audio stream, meta hash.
-- ARGV: owner, position, order, body, channel, ordinal, '1' if nothing may follow, options or ''.
-- Returns 1 when the control is in the stream, -1 when the session has another owner or is gone.
if redis.call('HGET', KEYS[2], 'owner') ~= ARGV[1] then return -1 end
local count, ended = 'c' .. ARGV[5], 'e' .. ARGV[5]
local ordinal = tonumber(ARGV[6])
if redis.call('HEXISTS', KEYS[2], ended) == 1 then return 1 end
if ordinal > 0 and ordinal <= tonumber(redis.call('HGET', KEYS[2], count) or 0) then return 1 end
local position, order = tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local major, minor = string.match(info[i + 1], '^(%d+)-(%d+)$')
      major, minor = tonumber(major), tonumber(minor)
      if major > position or (major == position and minor >= order) then
        position, order = major, minor + 1
      end
    end
  end
end
redis.call('XADD', KEYS[1], string.format('%d-%d', position, order), 'c', ARGV[4])
if ordinal > 0 then redis.call('HSET', KEYS[2], count, ARGV[6]) end
if ARGV[7] == '1' then redis.call('HSET', KEYS[2], ended, string.format('%d', position)) end
if ARGV[8] ~= '' then redis.call('HSET', KEYS[2], 'options', ARGV[8]) end
return 1
"""
)
"""Put a control into a leg's audio: once, by its ordinal, and only for the session's owner.

Audio needs no fence: whoever writes it, it is the client's, and its position makes it idempotent.
A control of a gateway that has lost the session must not count: the client sends it again to the
next. Where audio beyond its position is there already (such a gateway's), it takes effect behind
that.
"""

TAKE = Script(
    """
-- KEYS: meta hash.  ARGV: hash of the secret or '' for a gateway's own claim, new owner, its
-- gateway, TTL in seconds, number of the client's attempt or 0, the owner that it must have or ''.
-- Returns terms, options, former gateway, seq, then per channel controls and end; nothing when
-- there is no such session; -1 when a later attempt of the client has it.
local meta = redis.call('HMGET', KEYS[1],
  'session', 'options', 'gateway', 'seq', 'c0', 'e0', 'c1', 'e1', 'secret')
local secret = table.remove(meta)
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
"""
)
"""Make a gateway's connection the owner of a session; its controls alone count from then on.

A client that gives an attempt up and makes another cannot know which is carried out first: one may
wait in a stopped gateway, or for Redis. Those that number their attempts get the latest.
"""

RENEW_SESSIONS = Script(
    """
-- KEYS: sessions.  ARGV: session ids.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, session in ipairs(ARGV) do redis.call('ZADD', KEYS[1], now, session) end
return #ARGV
"""
)
"""Note that these sessions have a gateway, by Redis's clock: machines' are never compared."""

ORPHANS = Script(
    """
-- KEYS: sessions.  ARGV: longest silence in ms, most, '1' to take them.
-- Returns sessions without a gateway. Taken ones count as renewed, so that one gateway gets each.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1], 'LIMIT', 0, ARGV[2])
if ARGV[3] == '1' then
  for _, session in ipairs(found) do redis.call('ZADD', KEYS[1], now, session) end
end
return found
"""
)
"""Find sessions that no gateway has renewed for long."""

DIVERT = Script(
    """
-- KEYS: dead letters, their audio.
-- ARGV: claims entry, claim key, body, reason, worker, terms, audio or '', most letters, most in a
-- window, window in ms, most with audio, lifetime of audio in s.
-- Returns 1 when the letter is there, 0 when too many were written lately.
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
  'p', ARGV[3], 'r', ARGV[4], 'own', ARGV[5], 't', ARGV[6])
if ARGV[7] ~= '' then
  redis.pcall('XADD', KEYS[2], 'MAXLEN', ARGV[11], id, 'a', ARGV[7])
  redis.call('XTRIM', KEYS[2], 'MINID', string.format('%d', now - 1000 * ARGV[12]))
  redis.call('EXPIRE', KEYS[2], ARGV[12])
end
return 1
"""
)
"""Write a dead letter: once for each time its claim was opened, and not too many in a window.

Many at once are more likely a bad deploy than bad audio. Time is Redis's own, as in the ids.
"""

LATELY = Script(
    """
-- KEYS: a stream.  ARGV: window in ms, most to count.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local since = string.format('%d', now - ARGV[1])
return #redis.call('XRANGE', KEYS[1], since, '+', 'COUNT', ARGV[2])
"""
)
"""Count what Redis itself dated within the last window."""

HOLD_CALLS = Script(
    """
-- KEYS: a client's calls.  ARGV: most calls or 0, longest silence in ms, call ids.
-- Returns 1 when they are counted, 0 when that would be too many.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most, silence = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - silence)
for i = 3, #ARGV do
  local room = most == 0 or redis.call('ZCARD', KEYS[1]) < most
  if not room and not redis.call('ZSCORE', KEYS[1], ARGV[i]) then return 0 end
  redis.call('ZADD', KEYS[1], now, ARGV[i])
end
redis.call('PEXPIRE', KEYS[1], silence)
return 1
"""
)
"""Count a client's calls, or renew them; those that nobody renews are forgotten."""
