"""The sessions in Redis: what is written, in which order, and how it is read back."""

from typing import Any, cast

import pytest

from common.bus import keys, scripts, wire
from common.bus.keys import Leg
from common.bus.wire import StreamId
from common.options import SessionOptions
from common.pipeline.work import LEG_WORK
from common.redis.link import CommandError, Link
from gateway.calls.store import (
    MOST_ORPHANS,
    Acquired,
    SessionStore,
    Superseded,
    work_items,
)
from gateway.protocols.commands import MAX_CHANNELS, About, AudioFormat
from gateway.record import ResumeToken, SessionRecord
from gateway.uplink.leg import StoredLeg

META = keys.session_key("call", "meta")


class Redis:
    """Stands in for the link: records everything in order, answers what it was given."""

    def __init__(self, *replies: Any) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.evaluated: list[Any] = []
        """The scripts that were run together."""
        self._replies = list(replies)

    async def insist(self, commands: Any) -> list[Any]:
        self.done += commands
        return [self._replies.pop(0) if self._replies else 1 for _ in commands]

    async def evaluate(self, calls: Any) -> list[Any]:
        self.evaluated.append(calls)
        self.done += [(script, *names, *arguments) for script, names, arguments in calls]
        return [self._replies.pop(0) if self._replies else 1 for _ in calls]


def record(*, channels: int = 1, denoised: bool | None = None, **options: Any) -> SessionRecord:
    sound = AudioFormat("pcm16", 8_000, channels)
    asked = SessionOptions(**options)
    through = asked.denoise if denoised is None else denoised
    return SessionRecord(
        options=asked,
        audio=sound,
        events=frozenset(("gap",)),
        about=About(),
        stages=frozenset({"align", *(("denoise",) if through else ())}),
        doorbell="first",
    )


def connected(*replies: Any) -> tuple[SessionStore, Redis]:
    redis = Redis(*replies)
    return SessionStore(cast(Link, redis), "g"), redis


def info(last: bytes) -> list[object]:
    return [b"length", 2, b"last-generated-id", last, b"groups", 1]


async def test_a_session_is_written_down_before_any_stage_is_asked_to_work_for_it():
    store, redis = connected()
    token = ResumeToken.issue("call")
    await store.open(token, "owner", record(channels=2, denoise=True))
    names = [step[0] for step in redis.done]
    assert names == ["HSET", "EXPIRE", scripts.RENEW_SESSIONS, *[scripts.OFFER] * 4]
    stored = dict(zip(redis.done[0][2::2], redis.done[0][3::2], strict=True))
    assert stored.keys() == {"session", "options", "secret", "owner", "gateway", "opened"}
    assert (stored["owner"], stored["gateway"]) == ("owner", "g")
    # The secret itself is nowhere.
    assert token.secret not in str(redis.done)
    assert SessionRecord.unpack(stored["session"], stored["options"]).audio.channels == 2
    assert redis.done[1] == ("EXPIRE", META, keys.SESSION_TTL)


def test_workers_are_told_where_to_ring_and_what_to_do():
    calls = work_items("call", record(denoise=True))
    assert [(names[0], arguments[0]) for _, names, arguments in calls] == [
        (keys.work_items("denoise"), "call.0"),
        (keys.work_items("vad"), "call.0"),
    ]
    work = LEG_WORK.unpack(cast(bytes, calls[1][2][1]))
    # The call's first gateway, whichever gateway opens the work items again.
    assert work.gateway == "first"
    assert (work.source, work.events, work.beside) == ("clean", True, frozenset({"align"}))
    ((_, _, undenoised),) = work_items("call", record())
    assert LEG_WORK.unpack(cast(bytes, undenoised[1])).source == "audio"


def test_a_call_that_is_switched_off_still_passes_through_the_denoiser():
    calls = work_items("call", record(denoise=False, denoised=True))
    assert [names[0] for _, names, _ in calls] == [
        keys.work_items("denoise"),
        keys.work_items("vad"),
    ]
    for _, _, arguments in calls:
        work = LEG_WORK.unpack(cast(bytes, arguments[1]))
        assert (work.source, work.options.denoise) == ("clean", False)


@pytest.mark.parametrize("proof", ["", "digest"])
async def test_a_session_is_taken_over_as_it_was_left(proof):
    terms = record(channels=2)
    meta = [terms.pack(), terms.pack_options(), b"other", b"7", b"2", b"300", None, None]
    store, redis = connected(meta)
    acquired = await store.acquire("call", "owner", proof=proof)
    assert acquired == Acquired("call", terms, "other", 7, (2, 0), (300, None))
    arguments = (proof, "owner", "g", keys.SESSION_TTL, 0, "", MAX_CHANNELS)
    assert redis.done[0] == (scripts.ACQUIRE_CALL, META, *arguments)


async def test_one_that_is_taken_is_renewed():
    """Another gateway would take a call for an orphan that was just resumed."""
    terms = record()
    store, redis = connected([terms.pack(), terms.pack_options(), *[None] * 6])
    acquired = await store.acquire("call", "owner")
    # One answer: of two attempts in one process, the later owner is the later to go on.
    assert len(redis.done) == 1
    assert acquired is not None
    await store.stored(acquired)
    assert redis.done[1] == (scripts.RENEW_SESSIONS, keys.sessions(), "", "call")


async def test_one_that_is_not_there_is_not_listed():
    """A client may ask for any name."""
    store, redis = connected([])
    assert await store.acquire("call", "owner", proof="digest") is None
    assert len(redis.done) == 1


async def test_a_later_attempt_of_the_client_has_it():
    store, redis = connected(-1)
    with pytest.raises(Superseded):
        await store.acquire("call", "owner", proof="digest", attempt=3)
    assert redis.done[0][-3:-1] == (3, "")
    assert len(redis.done) == 1


async def test_one_that_must_have_a_certain_owner_is_left_to_any_other():
    store, redis = connected(-1)
    with pytest.raises(Superseded):
        await store.acquire("call", "owner", former="dead")
    assert redis.done[0][-2] == "dead"
    assert len(redis.done) == 1


async def test_a_record_of_another_release_is_an_error_of_its_own():
    other = b"\x81\xa1v\x63"
    store, _ = connected([other, other, *[None] * 6])
    with pytest.raises(ValueError, match="another wire version"):
        await store.acquire("call", "owner")


async def test_of_one_channel_only_that_is_told():
    terms = record()
    store, _ = connected([terms.pack(), terms.pack_options(), None, None, None, None, None, None])
    assert await store.acquire("call", "owner") == Acquired("call", terms, "", 0, (0,), (None,))


async def test_no_session_is_none():
    store, _ = connected([])
    assert await store.acquire("call", "owner", proof="wrong") is None


async def test_what_redis_has_of_the_audio_is_where_it_ends():
    acquired = Acquired("call", record(channels=2), "", 0, (0, 0), (None, 500))
    store, redis = connected(1, info(b"300-3"), info(b"400-1"))
    # The end counts where audio is trimmed or gone.
    assert await store.stored(acquired) == [
        StoredLeg(StreamId(300, 3), ended=False),
        StoredLeg(StreamId(500, wire.AUDIO_ORDER), ended=True),
    ]
    assert redis.done[1] == ("XINFO", "STREAM", Leg("call", 0).key("audio"))


async def test_before_the_first_audio_there_is_none():
    acquired = Acquired("call", record(), "", 0, (0,), (None,))
    store, _ = connected(1, CommandError("ERR no such key"))
    ((stream_id, ended),) = [(h.last, h.ended) for h in await store.stored(acquired)]
    assert (stream_id.position, ended) == (0, False)


async def test_a_former_gateway_is_notified_only_if_it_is_there():
    store, redis = connected()
    await store.announce("call", "other")
    (notification,) = redis.done
    assert notification[:2] == ("XADD", keys.out("other"))
    assert "NOMKSTREAM" in notification
    assert notification[-2:] == ("call.0", b"owner")


async def test_owners_are_told_or_none():
    store, _ = connected(b"someone", None)
    assert await store.owners(["a", "b"]) == ["someone", None]


async def test_who_is_silent_for_long_is_asked_for_in_milliseconds():
    store, redis = connected([b"a", b"b"], b"dead", None, [b"b", b"a"])
    assert await store.orphans(70.0) == [("b", ""), ("a", "dead")]
    question = (scripts.ORPHANS, keys.sessions(), 70_000, MOST_ORPHANS)
    assert redis.done == [
        (*question, 0),
        *(("HGET", keys.session_key(session, "meta"), "owner") for session in "ab"),
        (*question, 1),
    ]


async def test_where_nobody_is_silent_nothing_is_taken():
    store, redis = connected([])
    assert await store.orphans(70.0) == []
    assert [step[-1] for step in redis.done] == [0]
