"""Calls that do not go on after a broken connection, and what their caller is told."""

import asyncio

import pytest

from callscribe.client import (
    Disconnected,
    ResumedElsewhere,
    ServerError,
    SessionLost,
    connect,
)
from callscribe.client.messages import Final, Resumed
from tests.unit.callscribe.client.test_line import MULAW, SPAN, feed, finals, nobody_behind, scenes


@pytest.mark.parametrize(
    ("code", "close", "kind"),
    [
        ("resume_unknown", 1008, SessionLost),
        ("session_lost", 1011, SessionLost),
        ("resumed_elsewhere", 1008, ResumedElsewhere),
        ("unfinished", 1011, ServerError),
        ("invalid_audio", 1007, ServerError),
    ],
)
async def test_what_cannot_be_resumed_is_an_error_of_its_own(serving, code, close, kind):
    async def first(peer):
        await peer.accept()
        peer.cut()

    async def second(peer):
        if close == 1008:
            await peer.connection.recv()
        else:
            await peer.resume()
        await peer.say("error", code=code, message="sorry")
        await peer.connection.close(close, code)

    async with serving(scenes(first, second)) as url, connect(url) as call:
        with pytest.raises(kind, match="sorry") as error:
            [event async for event in call]
        assert error.value.code == code
        with pytest.raises(kind):
            await call.send(b"more")


async def test_a_call_taken_over_is_not_resumed(serving):
    async def script(peer):
        await peer.accept()
        await peer.connection.close(1008, "resumed_elsewhere")

    async with serving(scenes(script)) as url, connect(url) as call:
        with pytest.raises(ResumedElsewhere):
            await anext(call)


async def test_a_server_that_begins_anew_has_lost_the_call(serving):
    async def first(peer):
        await peer.accept()
        peer.cut()

    async def second(peer):
        await peer.accept()

    async with serving(scenes(first, second)) as url, connect(url) as call:
        with pytest.raises(SessionLost, match="new call"):
            await anext(call)


async def test_a_server_that_lacks_what_was_acknowledged_has_lost_the_call(serving):
    async def first(peer):
        await peer.accept()
        await peer.until_audio(4)
        await peer.say("audio_ack", position=3)
        peer.cut()

    async def second(peer):
        await peer.resume(position=2)
        await peer.connection.wait_closed()

    async with serving(scenes(first, second)) as url, connect(url, MULAW) as call:
        await call.send(b"abcd")
        with pytest.raises(SessionLost, match="kept here is only what follows"):
            await anext(call)


async def test_patience_ends_with_what_is_safe(serving):
    async def script(peer):
        await peer.accept()
        await peer.until_audio(4_000)
        await peer.say("final", **SPAN, seq=7, text="hello")
        await peer.say("audio_ack", position=2_000)
        await peer.until("flush")
        peer.cut()

    async with (
        serving(script, process_request=nobody_behind) as url,
        connect(url, MULAW, patience=0.2) as call,
    ):
        await call.send(bytes(4_000))
        assert isinstance(await anext(call), Final)
        await call.flush()
        with pytest.raises(Disconnected, match=r"HTTP 502; 0\.5 s of its .* up to 7 ") as error:
            await anext(call)
        assert (error.value.audio_s, error.value.seq) == (0.5, 7)
        with pytest.raises(Disconnected):
            await call.send(b"more")


# --- a call that the server has ended meanwhile ---


def ended_behind(back, **place):
    """A server that ended the call while its client was away, at `place`; `back` goes on."""

    async def first(peer):
        await peer.accept()
        await peer.until_audio(4)
        peer.cut()

    async def second(peer):
        await peer.resume(ended=True, **place)
        await back(peer)

    return scenes(first, second)


async def tells_the_rest(peer):
    """Say what is left to say, and note what came in between: there must be nothing."""
    await peer.say("final", **SPAN, seq=2, text="the rest")
    await peer.connection.close(1000, "finished")
    assert [message async for message in peer.connection] == []


async def test_what_a_call_said_that_was_ended_meanwhile_is_told_and_then_that(serving):
    script = ended_behind(tells_the_rest, position=2_000)
    async with serving(script) as url, connect(url, MULAW) as call:
        await call.send(b"abcd")
        resumed = await anext(call)
        assert isinstance(resumed, Resumed)
        assert resumed.position == 0.5
        assert finals([await anext(call)]) == ["the rest"]
        for _ in range(2):
            with pytest.raises(SessionLost, match=r"ended the call 0\.5 s into") as error:
                await anext(call)
            assert error.value.code == "ended"
        with pytest.raises(SessionLost):
            await call.send(b"more")


async def test_nothing_is_sent_to_a_call_that_was_ended_meanwhile(serving):
    told = asyncio.Event()

    async def waits(peer):
        await told.wait()
        await tells_the_rest(peer)

    async with serving(ended_behind(waits)) as url, connect(url, MULAW) as call:
        await call.send(b"abcd")
        assert isinstance(await anext(call), Resumed)
        sending = asyncio.create_task(call.send(b"more"))
        finalizing = asyncio.create_task(call.finalize())
        await asyncio.sleep(0)
        told.set()
        assert finals([await anext(call)]) == ["the rest"]
        with pytest.raises(SessionLost):
            await anext(call)
        # As with any broken connection, what waited was handed over, or learns that it is over.
        waited = await asyncio.gather(sending, finalizing, return_exceptions=True)
        assert {type(each) for each in waited} <= {type(None), SessionLost}
        with pytest.raises(SessionLost):
            await call.send(b"more")


def ended_after_finalize(*, controls):
    """Cut the client off at its finalize; when it is back the call has ended."""

    async def first(peer):
        await peer.accept()
        await peer.until("finalize")
        peer.cut()

    async def second(peer):
        await peer.resume(ended=True, position=1, controls=controls)
        await tells_the_rest(peer)

    return scenes(first, second)


async def test_a_finalize_that_came_too_late_makes_no_orderly_end(serving):
    async with serving(ended_after_finalize(controls=0)) as url, connect(url, MULAW) as call:
        told = call.transcribe(feed(b"ab"))
        assert isinstance(await anext(told), Resumed)
        assert finals([await anext(told)]) == ["the rest"]
        with pytest.raises(SessionLost) as error:
            await anext(told)
        assert error.value.code == "ended"


async def test_a_finalize_that_took_effect_is_an_orderly_end(serving):
    async with serving(ended_after_finalize(controls=1)) as url, connect(url, MULAW) as call:
        events = [event async for event in call.transcribe(feed(b"ab"))]
    assert finals(events) == ["the rest"]


async def test_a_cut_after_that_is_resumed_for_the_rest_only(serving):
    async def cut(peer):
        await peer.say("final", **SPAN, seq=1, text="one")
        peer.cut()

    async def third(peer):
        config = await peer.resume(ended=True)
        assert config["seq"] == 1
        await tells_the_rest(peer)

    one = ended_behind(cut)
    scripts = scenes(one, one, third)
    async with serving(scripts) as url, connect(url, MULAW) as call:
        await call.send(b"abcd")
        kinds = [(await anext(call)).kind for _ in range(4)]
        assert kinds == ["resumed", "final", "resumed", "final"]
        with pytest.raises(SessionLost, match="ended the call"):
            await anext(call)
