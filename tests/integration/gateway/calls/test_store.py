"""Calls in a real Redis: what lives how long, and what a gateway that was stopped may still do."""

from collections.abc import Awaitable, Callable

import pytest

from common.bus import commands, keys
from common.bus.keys import Leg
from common.options import SessionOptions
from common.pipeline.streams import META, TRACE
from common.redis.link import Link
from gateway.calls.store import ERASED, Remains, SessionStore
from gateway.protocols.commands import About, AudioFormat
from gateway.record import ResumeToken, SessionRecord

TOKEN = ResumeToken("call", "secret")
META_KEY, TRACE_KEY = (keys.session_key("call", kind) for kind in (META, TRACE))
TEXT, AUDIO, SAVED = map(Leg("call", 0).key, ("text", "audio", "ckpt:vad"))
RECORD = SessionRecord(
    options=SessionOptions(),
    audio=AudioFormat("pcm16", 16_000, 1),
    events=frozenset(),
    about=About(conversation="talk"),
    stages=frozenset(),
    doorbell="a",
)
NAMED = keys.named(RECORD.tenant, "talk")
WEEK = 7 * 86_400


async def begun(link: Link, gateway: str = "a", session: str = "call") -> SessionStore:
    """Return the store of a gateway that has opened a call, of which there is something."""
    store = SessionStore(link, gateway)
    await store.open(ResumeToken(session, "secret"), f"{gateway}'s", RECORD)
    text, audio, saved = map(Leg(session, 0).key, ("text", "audio", "ckpt:vad"))
    for key in (text, audio, saved, keys.session_key(session, TRACE)):
        await link.call("XADD", key, "1-1", "f", "x")
        await link.call("EXPIRE", key, keys.SESSION_TTL)
    return store


async def lives(link: Link, *names: bytes) -> list[int]:
    return [await link.call("TTL", name) for name in names]


async def listed(link: Link) -> set[bytes]:
    return set(await link.call("ZRANGE", keys.sessions(), 0, -1))


async def test_a_renewal_keeps_all_of_a_call_alive(link):
    store = await begun(link)
    everything = (META_KEY, TRACE_KEY, TEXT, AUDIO, SAVED, NAMED)
    for key in everything:
        await link.call("EXPIRE", key, 5)
    assert await store.renew([("call", "a's", RECORD), ("gone", "a's", RECORD)]) == ["a's", None]
    assert min(await lives(link, *everything)) > keys.SESSION_TTL - 5
    assert await listed(link) == {b"call"}
    assert await store.renew([]) == []


async def ended_by_b(link: Link, retention: float) -> SessionStore:
    """Let gateway a open a call and stop, and b resume it and end it."""
    a, b = await begun(link), SessionStore(link, "b")
    assert await b.acquire("call", "b's", proof=TOKEN.digest(RECORD.tenant)) is not None
    await b.retire("call", "b's", RECORD, retention=retention, remains=Remains.WHOLE)
    return a


async def test_a_gateway_that_was_stopped_shortens_no_transcript(link):
    a = await ended_by_b(link, WEEK)
    assert await a.renew([("call", "a's", RECORD)]) == ["b's"]
    assert min(await lives(link, META_KEY, TRACE_KEY, TEXT, NAMED)) > WEEK - 60
    assert await listed(link) == set(), "it is over: nobody has to end it"


async def test_nor_does_it_bring_a_call_back_that_it_had_ended_itself(link):
    store = await begun(link)
    await store.retire("call", "a's", RECORD, retention=WEEK, remains=Remains.WHOLE)
    assert await store.renew([("call", "a's", RECORD)]) == ["a's"]
    assert min(await lives(link, META_KEY, TRACE_KEY, TEXT, NAMED)) > WEEK - 60
    assert await link.call("EXISTS", AUDIO, SAVED) == 0
    assert await listed(link) == set()


@pytest.mark.parametrize("remains", Remains)
async def test_nor_does_it_end_what_goes_on_elsewhere(link, remains):
    a, b = await begun(link), SessionStore(link, "b")
    assert await b.acquire("call", "b's", proof=TOKEN.digest(RECORD.tenant)) is not None
    await a.retire("call", "a's", RECORD, retention=5, remains=remains)
    assert await link.call("EXISTS", AUDIO, SAVED) == 2
    assert await link.call("HEXISTS", META_KEY, "secret") == 1
    assert min(await lives(link, META_KEY, TRACE_KEY, TEXT)) > keys.SESSION_TTL - 5
    assert await listed(link) == {b"call"}


@pytest.mark.parametrize("first", ["a", "b"])
async def test_a_renewal_and_a_resumption_in_either_order_leave_the_new_owner(link, first):
    a, b = await begun(link), SessionStore(link, "b")
    steps: dict[str, Callable[[], Awaitable[object]]] = {
        "a": lambda: a.renew([("call", "a's", RECORD)]),
        "b": lambda: b.acquire("call", "b's", proof=TOKEN.digest(RECORD.tenant)),
    }
    for name in sorted(steps, reverse=first == "b"):
        await steps[name]()
    assert await a.renew([("call", "a's", RECORD)]) == ["b's"]
    assert await b.renew([("call", "b's", RECORD)]) == ["b's"]
    assert await listed(link) == {b"call"}


@pytest.mark.parametrize("erased_first", [False, True])
async def test_of_an_erased_call_nothing_is_kept_whoever_comes_first(link, erased_first):
    store = await begun(link)
    if erased_first:
        assert await store.acquire("call", ERASED) is not None
        await link.call("UNLINK", META_KEY, TRACE_KEY, TEXT, AUDIO, SAVED)
        await store.renew([("call", "a's", RECORD)])
        await store.retire("call", "a's", RECORD, retention=WEEK, remains=Remains.BROKEN)
    else:
        await store.retire("call", "a's", RECORD, retention=WEEK, remains=Remains.WHOLE)
        assert await store.acquire("call", ERASED) is not None
        await store.retire("call", "a's", RECORD, retention=WEEK, remains=Remains.BROKEN)
        await link.call("UNLINK", META_KEY, TRACE_KEY, TEXT, AUDIO, SAVED)
    assert await link.call("EXISTS", META_KEY, TRACE_KEY, TEXT, AUDIO, SAVED) == 0
    assert await listed(link) == set()


async def test_a_later_call_of_a_name_does_not_hide_an_earlier_one(link):
    """Neither when it begins nor when it ends, though it is kept for less time."""
    store = await begun(link)
    await store.retire("call", "a's", RECORD, retention=WEEK, remains=Remains.WHOLE)
    await begun(link, session="later")
    assert (await lives(link, NAMED))[0] > WEEK - 60
    await store.retire("later", "a's", RECORD, retention=300, remains=Remains.WHOLE)
    assert (await lives(link, NAMED))[0] > WEEK - 60


@pytest.mark.parametrize(
    ("remains", "meta", "secret"),
    [(Remains.WHOLE, 1, 1), (Remains.BROKEN, 1, 0), (Remains.NOTHING, 0, 0)],
)
async def test_what_remains_of_a_call_stays_for_its_retention(link, remains, meta, secret):
    store = await begun(link)
    await store.retire("call", "a's", RECORD, retention=300.4, remains=remains)
    assert await link.call("EXISTS", META_KEY) == meta
    assert await link.call("HEXISTS", META_KEY, "secret") == secret
    kept = [TRACE_KEY, TEXT, *([META_KEY] if meta else [])]
    assert {290 < seconds <= 300 for seconds in await lives(link, *kept)} == {True}
    assert await link.call("EXISTS", AUDIO, SAVED) == 0
    assert await listed(link) == set()


async def test_a_call_that_a_sink_lacks_outlives_its_retention(link):
    """Its gateway may be killed as it ends, and Redis be away for as long as it would be kept."""
    store = await begun(link)
    await link.insist([commands.due("archive", "call")])
    store.all_sinks = ("archive",)
    await store.retire("call", "a's", RECORD, retention=30, remains=Remains.WHOLE)
    assert min(await lives(link, META_KEY, TEXT)) > keys.SINK_TTL - 60
    assert max(await lives(link, TRACE_KEY)) <= 30, "no sink needs it"
    await link.insist([commands.undue("archive", "call")])
    await store.retire("call", "a's", RECORD, retention=30, remains=Remains.WHOLE)
    assert max(await lives(link, META_KEY, TRACE_KEY, TEXT)) <= 30


async def test_after_a_redis_that_lost_it_a_running_call_is_listed_again(link):
    store = await begun(link)
    await link.call("UNLINK", keys.sessions())
    await store.renew([("call", "a's", RECORD)])
    assert await listed(link) == set()
    await store.reopen([("call", RECORD)])
    assert await listed(link) == {b"call"}
