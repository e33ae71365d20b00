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
-- KEYS: claims stream, index hash.  ARGV: group, entry id, claim key.
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
if redis.call('HGET', KEYS[2], ARGV[3]) == ARGV[2] then redis.call('HDEL', KEYS[2], ARGV[3]) end
return 1
"""
)
"""Close a claim for good."""

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
