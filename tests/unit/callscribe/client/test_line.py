"""Broken connections, played by a server of the real protocol that breaks them on purpose."""

import asyncio
import json
import random
from contextlib import suppress
from http import HTTPStatus

import pytest

from callscribe.client import (
    Disconnected,
    connect,
    line,
)
from callscribe.client.messages import AudioAck, Final, Lag, Partial, Resumed
from callscribe.client.options import Options
from common.errors import SettingsError

SPAN = {"channel": 0, "utterance": 1, "start": 0.0, "end": 1.0}
MULAW = Options(encoding="mulaw", sample_rate=4_000)
"""A byte a frame: positions are easy to read."""


def scenes(*scripts):
    """One script for each connection, in their order."""
    left = list(scripts)

    async def script(peer):
        await left.pop(0)(peer)

    return script


async def ends(peer):
    """Resume with everything received already, and end the call in order."""
    await peer.resume()


def nobody_behind(connection, request):
    """What a proxy says to a resumed call when the gateway is gone."""
    gone = "resume=1" in request.path
    return connection.respond(HTTPStatus.BAD_GATEWAY, "nobody there") if gone else None


def finals(events):
    return [event.text for event in events if isinstance(event, Final)]


async def feed(*pieces):
    for piece in pieces:
        yield piece


async def test_audio_that_a_cut_swallowed_is_sent_again(serving):
    seen = {}

    async def first(peer):
        await peer.accept()
        await peer.until_audio(6)
        await peer.say("audio_ack", position=2)
        await peer.say("final", **SPAN, seq=3, text="hello")
        peer.cut()

    async def second(peer):
        seen["path"] = peer.connection.request.path
        seen["config"] = await peer.resume(position=4)
        await peer.until("finalize")
        seen["audio"] = bytes(peer.audio)
        await peer.say("final", **{**SPAN, "utterance": 2}, seq=4, text="again")

    async with serving(scenes(first, second)) as url, connect(url, MULAW) as call:
        await call.send(b"abcdef")
        assert isinstance(await anext(call), Final)
        resumed = await anext(call)
        assert isinstance(resumed, Resumed)
        assert resumed.position == 0.001
        assert resumed.after_s >= 0
        await call.send(b"gh")
        await call.finalize()
        assert finals([event async for event in call]) == ["again"]
    assert seen["path"] == "/ws/asr?resume=1"
    assert seen["config"].pop("attempt") > 0
    assert seen["config"] == {"type": "config", "resume": "t1", "seq": 3}
    assert seen["audio"] == b"efgh"


@pytest.mark.parametrize("took_effect", [False, True])
async def test_a_cut_behind_a_control_repeats_it_only_if_it_was_lost(serving, took_effect):
    seen = []

    async def first(peer):
        await peer.accept()
        await peer.until("flush")
        peer.cut()

    async def second(peer):
        await peer.resume(position=2, controls=int(took_effect))
        seen.append(json.loads(await peer.connection.recv())["type"])

    async with serving(scenes(first, second)) as url, connect(url, MULAW) as call:
        await call.send(b"ab")
        await call.flush()
        assert isinstance(await anext(call), Resumed)
        await call.finalize()
        assert [event async for event in call] == []
    assert seen == ["finalize" if took_effect else "flush"]


async def test_a_change_that_was_refused_is_no_obstacle_to_resuming(serving):
    seen = []

    async def first(peer):
        await peer.accept()
        await peer.until("config")
        await peer.say("error", code="invalid_option", message="nobody speaks that")
        await peer.until_audio(2)
        await peer.say("audio_ack", position=1)
        peer.cut()

    async def second(peer):
        await peer.resume(position=2)
        seen.append(json.loads(await peer.connection.recv()))
        await peer.until("finalize")
        peer.cut()

    async def third(peer):
        # The server counts what it was sent in place of the refused one.
        await peer.resume(position=2, controls=2, ended=True)
        await peer.connection.close(1000, "finished")

    async with serving(scenes(first, second, third)) as url, connect(url, MULAW) as call:
        await call.configure(language="klingon")
        await call.send(b"ab")
        kinds = [(await anext(call)).kind for _ in range(2)]
        await call.finalize()
        assert kinds + [event.kind async for event in call] == ["error", "resumed", "resumed"]
    assert seen == [{"type": "config"}]


@pytest.mark.parametrize("took_effect", [False, True])
async def test_a_cut_during_finalize(serving, took_effect):
    seen = []

    async def first(peer):
        await peer.accept()
        await peer.until("finalize")
        await peer.say("final", **SPAN, seq=1, text="one")
        peer.cut()

    async def second(peer):
        config = await peer.resume(position=1, controls=int(took_effect))
        assert config["seq"] == 1
        if not took_effect:
            await peer.until("finalize")
        await peer.say("final", **{**SPAN, "utterance": 2}, seq=2, text="two")
        await peer.connection.close(1000, "finished")
        seen.append(bytes(peer.audio))

    async with serving(scenes(first, second)) as url, connect(url, MULAW) as call:
        events = [event async for event in call.transcribe(feed(b"ab"))]
    assert finals(events) == ["one", "two"]
    assert seen == [b"" if took_effect else b"b"]


async def test_what_a_resumed_server_repeats_is_not_told_again(serving):
    async def tell(peer):
        await peer.say("speech_started", channel=0, utterance=1, start=0.0, at=0.5)
        await peer.say("final", **SPAN, seq=1, text="hello")
        await peer.say("gap", channel=0, start=2.0, end=3.0)

    async def first(peer):
        await peer.accept()
        await tell(peer)
        peer.cut()

    async def second(peer):
        await peer.resume()
        await peer.say("partial", **SPAN, text="hel")
        await tell(peer)

    options = Options(events=("speech_started", "gap"))
    async with serving(scenes(first, second)) as url, connect(url, options) as call:
        kinds = [event.kind async for event in call]
    assert kinds == ["speech_started", "final", "gap", "resumed"]


async def test_a_server_that_goes_away_is_left_at_once_for_the_next(serving, monkeypatch):
    monkeypatch.setattr(random, "random", lambda: 1.0)
    monkeypatch.setattr("callscribe.client.redialling.FIRST_WAIT", 1e6)
    monkeypatch.setattr("callscribe.client.redialling.LONGEST_WAIT", 1e6)

    async def leaving(peer):
        await peer.accept()
        await peer.say("error", code="going_away", message="bye", resume_within=60)
        await peer.connection.close(1012, "going_away")

    async with serving(leaving) as old, serving(ends) as new, connect([old, new]) as call:
        assert [event.kind async for event in call] == ["resumed"]


async def test_a_refusal_while_resuming_is_waited_for(serving):
    asked = []

    def refuse_second(connection, request):
        asked.append(request.path)
        if len(asked) != 2:
            return None
        response = connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "full")
        response.headers["Retry-After"] = "0"
        return response

    async def first(peer):
        await peer.accept()
        peer.cut()

    async def busy(peer):
        await peer.connection.recv()
        await peer.say("error", code="unavailable", message="Redis is away")
        await peer.connection.close(1013, "unavailable")

    script = scenes(first, busy, ends)
    async with serving(script, process_request=refuse_second) as url, connect(url) as call:
        assert [event.kind async for event in call] == ["resumed"]
    assert asked == ["/ws/asr"] + 3 * ["/ws/asr?resume=1"]


async def test_two_cuts_in_a_row(serving):
    async def first(peer):
        await peer.accept()
        await peer.until_audio(3)
        peer.cut()

    attempts = []

    async def second(peer):
        attempts.append(json.loads(await peer.connection.recv())["attempt"])
        peer.cut()

    async def third(peer):
        attempts.append((await peer.resume(position=1))["attempt"])
        peer.cut()

    async def fourth(peer):
        attempts.append((await peer.resume(position=2))["attempt"])
        await peer.until_audio(1)
        assert peer.audio == b"c"
        await peer.connection.close(1000)

    script = scenes(first, second, third, fourth)
    async with serving(script) as url, connect(url, MULAW) as call:
        await call.send(b"abc")
        assert [event.kind async for event in call] == ["resumed", "resumed"]
    # One that is given up must not win over a later one.
    assert attempts == sorted(set(attempts))


async def test_a_server_that_accepts_but_never_answers_is_left_for_another(serving, monkeypatch):
    monkeypatch.setattr(line, "_RESUME_TIMEOUT", 0.05)
    gone = asyncio.Event()

    async def first(peer):
        await peer.accept()
        peer.cut()

    async def mute(peer):
        await peer.connection.recv()
        await peer.connection.wait_closed()
        gone.set()

    async with (
        serving(scenes(first, ends)) as url,
        serving(mute) as other,
        connect([url, other]) as call,
    ):
        assert [event.kind async for event in call] == ["resumed"]
        await gone.wait()


async def test_a_server_that_stands_still_is_left(serving, monkeypatch):
    monkeypatch.setattr(line, "_WATCH_S", 0.05)

    left = asyncio.Event()

    async def still(peer):
        await peer.accept()
        peer.connection.transport.pause_reading()
        await left.wait()
        peer.cut()

    # Ten seconds of it are more than sockets hold.
    options = Options(encoding="float32", sample_rate=192_000, channels=2)
    async with serving(scenes(still, ends)) as url, connect(url, options) as call:
        sending = asyncio.create_task(call.send(bytes(50_000_000)))
        assert isinstance(await anext(call), Resumed)
        left.set()
        sending.cancel()
        with suppress(asyncio.CancelledError, Disconnected):
            await sending


async def test_sending_waits_when_more_than_the_ring_holds_is_not_acknowledged(serving):
    async def script(peer):
        await peer.accept()
        await peer.until_audio(20_001)
        await peer.until("flush")
        await peer.say("audio_ack", position=20_000)
        await peer.until("finalize")

    async with serving(script) as url, connect(url, MULAW, replay_s=5) as call:
        await call.send(bytes(20_000))
        sending = asyncio.create_task(call.send(b"x"))
        assert await asyncio.wait({sending}, timeout=0.05) == (set(), {sending})
        flushing = asyncio.create_task(call.flush())
        await sending
        await flushing
        await call.finalize()
        assert [event async for event in call] == []


async def test_sending_goes_on_while_the_connection_is_broken(serving):
    back = asyncio.Event()

    def refuse(connection, request):
        return None if back.is_set() else nobody_behind(connection, request)

    async def first(peer):
        await peer.accept()
        peer.cut()

    async def second(peer):
        await peer.resume()
        await peer.until("finalize")
        assert bytes(peer.audio) == b"abc"

    script = scenes(first, second)
    async with serving(script, process_request=refuse) as url, connect(url, MULAW) as call:
        for piece in (b"a", b"b", b"c"):
            await call.send(piece)
        await call.finalize()
        back.set()
        assert [event.kind async for event in call] == ["resumed"]


async def test_the_events_of_resuming_are_told_to_who_asks(serving):
    async def script(peer):
        await peer.accept()
        await peer.until_audio(2)
        await peer.say("audio_ack", position=1)
        await peer.say("lag", channel=0, seconds=3.5)

    asked = Options(encoding="mulaw", events=("audio_ack", "lag"))
    async with serving(script) as url, connect(url, asked) as call:
        await call.send(b"ab")
        assert [event async for event in call] == [AudioAck(position=1), Lag(seconds=3.5)]


async def test_unread_partials_are_dropped_and_finals_are_not(serving, monkeypatch):
    monkeypatch.setattr(line, "_MOST_UNREAD", 3)

    async def script(peer):
        await peer.accept()
        for number in range(5):
            await peer.say("partial", **SPAN, text=str(number))
        await peer.say("final", **SPAN, seq=1, text="final")
        await peer.until("finalize")

    async with serving(script) as url, connect(url) as call:
        while not any(isinstance(event, Final) for event in call._line._inbox):
            await asyncio.sleep(0.001)
        await call.finalize()
        told = [event async for event in call if isinstance(event, Partial | Final)]
    assert [event.text for event in told] == ["0", "1", "2", "final"]


async def test_the_first_server_that_takes_the_call_has_it(serving, unused_tcp_port):
    def refuse(connection, request):
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "full")

    async def script(peer):
        await peer.accept()

    nobody = f"ws://127.0.0.1:{unused_tcp_port}/ws/asr"
    async with (
        serving(None, process_request=refuse) as full,
        serving(script) as url,
        connect([nobody, full, url]) as call,
    ):
        assert [event async for event in call] == []


@pytest.mark.parametrize("arguments", [{"url": []}, {"url": "ws://a", "replay_s": 1.0}])
async def test_bad_arguments_are_settings_to_change(arguments):
    with pytest.raises(SettingsError, match="at least 1 and 5 s"):
        async with connect(**arguments):
            pass
