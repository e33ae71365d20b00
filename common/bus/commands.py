"""Our Redis commands, named by what they mean."""

from collections.abc import Iterable

from common.bus import keys, wire
from common.pipeline.record import WIRE_VERSION
from common.redis.resp import Argument, Command

_SECRET = "secret"
"""Field of a session's meta hash. Without it the session is over for clients and workers."""
_ERASURE_TTL = 400 * 86_400

RECORDING = "recording"
"""Field of a session's meta hash with the key that its unfinished recording is encrypted with."""

# Any key


def renew(names: Iterable[bytes], seconds: int = keys.SESSION_TTL) -> list[Command]:
    """Let keys live for `seconds` from now."""
    return [("EXPIRE", key, seconds) for key in names]


def lengthen(names: Iterable[bytes], seconds: int = keys.SESSION_TTL) -> list[Command]:
    """Let keys live for `seconds` from now, or for what they have left if that is longer.

    Each must have a TTL or be missing.
    """
    return [("EXPIRE", key, seconds, "GT") for key in names]


def shorten(names: Iterable[bytes], seconds: int) -> list[Command]:
    """Let keys live for `seconds` from now, or for what they have left if that is shorter."""
    return [("EXPIRE", key, seconds, "LT") for key in names]


def limit(key: bytes) -> Command:
    """Give a key without a TTL the lifetime of a session."""
    return ("EXPIRE", key, keys.SESSION_TTL, "NX")


def remove(*names: bytes) -> Command:
    """Remove keys, all of one slot."""
    return ("UNLINK", *names)


# Streams


def append(stream: bytes, at: bytes, *fields: bytes) -> Command:
    """Append an entry of pairs of field and content; creates a missing stream."""
    return ("XADD", stream, at, *fields)


def append_trace(stream: bytes, at: bytes, body: bytes, most: int | None) -> Command:
    """Append to a trace; creates a missing one. About the newest `most` entries are kept."""
    bound = ("MAXLEN", "~", most) if most else ()
    return ("XADD", stream, *bound, at, wire.BODY_FIELD, body)


def everything(stream: bytes) -> Command:
    """Read all entries of a stream."""
    return ("XRANGE", stream, "-", "+")


def append_event(stream: bytes, at: bytes, body: bytes, most: int | None) -> Command:
    """Append to an event stream that its owner has begun; None if it is gone.

    About the newest `most` entries are kept.
    """
    bound = ("MAXLEN", "~", most) if most else ()
    return ("XADD", stream, "NOMKSTREAM", *bound, at, wire.BODY_FIELD, body)


def replace(stream: bytes, at: bytes, body: bytes, head: bytes = b"") -> Command:
    """Make this the only entry of a stream that its owner has begun; None if it is gone.

    `head` is for others to read.
    """
    entry = (at, wire.BODY_FIELD, body, *((wire.HEAD_FIELD, head) if head else ()))
    return ("XADD", stream, "NOMKSTREAM", "MAXLEN", 1, *entry)


def first(stream: bytes) -> Command:
    """Read a stream's first entry: a list of one, or none."""
    return ("XRANGE", stream, "-", "+", "COUNT", 1)


def first_after(stream: bytes, at: bytes) -> Command:
    """Read the first entry after an id: a list of one, or none."""
    return ("XRANGE", stream, b"(" + at, "+", "COUNT", 1)


def entry_at(stream: bytes, at: bytes) -> Command:
    """Read the entry with an id: a list of one, or none."""
    return ("XRANGE", stream, at, at)


def last(stream: bytes) -> Command:
    """Read a stream's last entry: a list of one, or none."""
    return newest(stream, 1)


def newest(stream: bytes, count: int) -> Command:
    """Read the last entries of a stream, the newest one first."""
    return ("XREVRANGE", stream, "+", "-", "COUNT", count)


def facts(stream: bytes) -> Command:
    """Read facts about a stream, such as the last id it ever had; an error if it is gone."""
    return ("XINFO", "STREAM", stream)


def cut(stream: bytes, before: int) -> Command:
    """Remove all entries that end at or before a position."""
    return ("XTRIM", stream, "MINID", wire.entry_id(before + 1, 0))


def between(stream: bytes, after: int, until: int) -> Command:
    """Read the entries that end after a position, and at or before another."""
    return ("XRANGE", stream, wire.entry_id(after + 1, 0), wire.before_position(until))


def trim(stream: bytes, before: int) -> Command:
    """Remove most entries before a position: whole nodes of the stream."""
    return ("XTRIM", stream, "MINID", "~", before)


def drop(stream: bytes, *entries: bytes) -> Command:
    """Remove entries of a stream."""
    return ("XDEL", stream, *entries)


# Sessions


def describe(meta: bytes, **fields: Argument) -> Command:
    """Set fields of a session's meta hash."""
    return ("HSET", meta, *(each for field in fields.items() for each in field))


def break_off(meta: bytes) -> Command:
    """Take note that a session will never come to its end: nobody can resume it or add to it."""
    return ("HDEL", meta, _SECRET)


def unbroken(meta: bytes) -> Command:
    """Ask whether a session runs, or came to its end; 0 if there is none, or it broke off."""
    return ("HEXISTS", meta, _SECRET)


def owner(meta: bytes) -> Command:
    """Ask who owns a session; None if there is none."""
    return ("HGET", meta, "owner")


def describing(meta: bytes) -> Command:
    """Read what a session was opened with: its terms, options, gateway and time; None if none.

    The last of what it returns is None if the session broke off.
    """
    return ("HMGET", meta, "session", "options", "gateway", "opened", _SECRET)


def running() -> Command:
    """Read the names of all sessions that gateways keep alive."""
    return ("ZRANGE", keys.sessions(), 0, -1)


def call_by(tenant: str, name: str, session: str, opened: int) -> Command:
    """Let a session be found by a name; `opened` in ms."""
    return ("ZADD", keys.named(tenant, name), opened, session)


def called(tenant: str, name: str) -> Command:
    """Read the sessions of a tenant with a name, in the order in which they began."""
    return ("ZRANGE", keys.named(tenant, name), 0, -1)


def call_no_more(tenant: str, name: str, *sessions: str) -> Command:
    """Let sessions no longer be found by a name."""
    return ("ZREM", keys.named(tenant, name), *sessions)


def due(sink: str, session: str) -> Command:
    """Let any gateway look after a sink's part of a call, immediately."""
    return ("ZADD", keys.due(sink), 0, session)


def undue(sink: str, session: str) -> Command:
    """Take note that a sink was told everything of a call."""
    return ("ZREM", keys.due(sink), session)


def lacks(sink: str, session: str) -> Command:
    """Ask whether a sink lacks something of a call; None if not."""
    return ("ZSCORE", keys.due(sink), session)


def due_to_nobody(sink: str, session: str) -> Command:
    """Let any gateway look after a sink's part of a call, unless one does already."""
    return ("ZADD", keys.due(sink), "NX", 0, session)


def due_calls(sink: str) -> Command:
    """Read all that is due to a sink."""
    return ("ZRANGE", keys.due(sink), 0, -1)


def take(sink: str, session: str, now: int, retention: int) -> list[Command]:
    """Take note that a sink has a call; `now` in ms, forget it after `retention` seconds."""
    key, oldest = keys.taken(sink), now - 1000 * retention
    return [
        ("ZADD", key, now, session),
        ("ZREMRANGEBYSCORE", key, "-inf", oldest),
        limit(key),
        *lengthen([key], retention),
    ]


def forget_taken(sink: str, session: str) -> Command:
    """Forget that a sink has a call."""
    return ("ZREM", keys.taken(sink), session)


def taken(sink: str, since: int) -> Command:
    """Read the calls that a sink has got since a time in ms."""
    return ("ZRANGE", keys.taken(sink), since, "+inf", "BYSCORE")


def told_of(sink: str) -> str:
    """Return the field of a call's meta hash with the last `seq` that a sink was told."""
    return f"told:{sink}"


def trying_of(sink: str) -> str:
    """Return the field of a call's meta hash with what is tried in vain on a sink."""
    return f"trying:{sink}"


def again_of(sink: str) -> str:
    """Return the field of a call's meta hash with the `seq` after which a sink is told again.

    Empty means from the beginning.
    """
    return f"again:{sink}"


def skip_of(sink: str) -> str:
    """Return the field of a call's meta hash that says that a sink gets nothing more of it."""
    return f"skip:{sink}"


def marked(meta: bytes, field: str) -> Command:
    """Ask whether a call's meta hash has a field."""
    return ("HEXISTS", meta, field)


def unmark(meta: bytes, field: str) -> Command:
    """Remove a field of a call's meta hash."""
    return ("HDEL", meta, field)


def trying(meta: bytes, sink: str) -> Command:
    """Read since when a call is tried in vain on a sink, in ms, and which message, after a blank.

    None if it is not.
    """
    return ("HGET", meta, trying_of(sink))


def describe_erasure(session: str, **fields: Argument) -> list[Command]:
    """Set fields of the report on a session's erasure."""
    key = keys.erasure(session)
    return [describe(key, **fields), *renew([key], _ERASURE_TTL)]


def forget_webhook(session: str) -> Command:
    """Remove the URL from the report on a session's erasure."""
    return ("HDEL", keys.erasure(session), "webhook")


def erasure_of(session: str) -> Command:
    """Read the report on a session's erasure."""
    return ("HGETALL", keys.erasure(session))


def recorded_of(channel: int | None) -> str:
    """Return the field of a call's meta hash that says how many parts of a leg are put aside.

    Without a channel, the one that says that the recording is finished.
    """
    return "recorded" if channel is None else f"recorded:{channel}"


def aside(meta: bytes, channel: int) -> Command:
    """Ask how many parts of a leg are put aside; None for none."""
    return ("HGET", meta, recorded_of(channel))


def recorded(meta: bytes, channels: int) -> Command:
    """Read of a call's recording its key, whether it is finished, and of each leg two numbers.

    How many parts are put aside, and where its audio ends, None if that is not known.
    """
    of_legs = [each for leg in range(channels) for each in (recorded_of(leg), f"e{leg}")]
    return ("HMGET", meta, RECORDING, recorded_of(None), *of_legs)


def strike(session: str) -> Command:
    """Remove a session from the list of all sessions."""
    return ("ZREM", keys.sessions(), session)


def forget_call(client: str, call: str) -> Command:
    """Stop counting a call of a client."""
    return ("ZREM", keys.calls(client), call)


# Workers


def heartbeat(stage: str, worker: str, report: bytes) -> Command:
    """Write a worker's heartbeat, with its report."""
    return ("HSET", keys.workers(stage), worker, report)


def heartbeats(stage: str, version: int = WIRE_VERSION) -> Command:
    """Read the last heartbeat of every worker, as a flat list of name and report."""
    return ("HGETALL", keys.workers(stage, version))


def count_workers(stage: str) -> Command:
    """Ask how many workers of a stage are listed."""
    return ("HLEN", keys.workers(stage))


def forget_workers(stage: str, *workers: str | bytes) -> Command:
    """Remove workers from the list of their stage."""
    return ("HDEL", keys.workers(stage), *workers)


def entry_of(stage: str, key: str) -> Command:
    """Ask for the entry of a work item; None if it has none."""
    return ("HGET", keys.index(stage), key)


def parked(hash_: bytes) -> Command:
    """Read what waits to enter a leg's text; see `commit.lua`."""
    return ("HGETALL", hash_)


def groups(stage: str) -> Command:
    """Ask how many of a stage's work items are unread; an error if it never had a worker."""
    return ("XINFO", "GROUPS", keys.work_items(stage))


# The server


def memory() -> Command:
    """Ask how much memory Redis uses, as the text of lines ``name:value``."""
    return ("INFO", "memory")


# Access

_VERSION = b""
"""Field of the hash of API keys that counts its changes."""


def keep_access_key(name: str, record: bytes) -> list[Command]:
    """Write an API key, for all gateways to see."""
    table = keys.access()
    return [("HSET", table, name, record), ("HINCRBY", table, _VERSION, 1)]


def access_version() -> Command:
    """Ask how often API keys were changed; None for never."""
    return ("HGET", keys.access(), _VERSION)


def access_keys() -> Command:
    """Read all API keys: pairs of id and record, and of no name and the version."""
    return ("HGETALL", keys.access())


def access_key(name: str) -> Command:
    """Read one API key; None if there is none."""
    return ("HGET", keys.access(), name)


def spend(token: str, session: str, seconds: int) -> Command:
    """Use up a short-lived token for `seconds`; the session that has used it up before, or None."""
    return ("SET", keys.spent(token), session, "NX", "GET", "EX", seconds)


def used(tenant: str, day: str) -> Command:
    """Read what a tenant used on a day."""
    return ("HGETALL", keys.usage(tenant, day))
