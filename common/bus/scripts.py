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
  local seq = redis.call('HINCRBY', KEYS[3], 'seq', cmsgpack.unpack(body).shown and 1 or 0)
  redis.call('XADD', KEYS[1], last .. '-1', 's', seq, 'p', body)
  redis.call('HDEL', KEYS[2], last)
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return added
"""
)
"""Put item `number` of a leg into its text: once, and in order, waiting for its predecessors."""
