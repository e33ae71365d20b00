import asyncio
from http import HTTPStatus

import pytest

from callscribe.client import Disconnected, Refused, ServerError, connect, line
from callscribe.client.messages import Error, Final, Partial
from callscribe.client.options import Options
from common.errors import Misuse, SettingsError

SPAN = {"channel": 0, "utterance": 1, "start": 0.0, "end": 1.0}


URLS = ["localhost:8000", "http://localhost", "ws://", "ws://a:99999/", "ws://[::1/", "ws://a..b/"]


async def events_of(url, **arguments):
    async with connect(url, **arguments) as call:
        return [event async for event in call]


async def of(*pieces):
    for piece in pieces:
        yield piece


async def test_a_call_from_config_to_its_end(serving):
    seen = {}

    async def script(peer):
        seen["config"] = await peer.accept()
        await peer.say("partial", **SPAN, text="hel", stable=0)
        seen["flush"] = await peer.until("flush")
        seen["change"] = await peer.until("config")
        await peer.until("finalize")
        seen["audio"] = bytes(peer.audio)
        await peer.say("mood", word="unknown to this client")
        await peer.say("final", **SPAN, seq=1, text="hello")

    options = Options(sample_rate=8_000, channels=2, events=("gap",))
    async with serving(script) as url, connect(url, options) as call:
        assert (call.session_id, call.resume_token) == ("s1", "t1")
        await call.send(b"ab")
        await call.flush()
        await call.configure(language=None, silence_threshold=0.5)
        await call.send(b"c")
        await call.finalize()
        events = [event async for event in call]
    assert events == [
        Partial(utterance=1, start=0.0, end=1.0, text="hel"),
        Final(utterance=1, seq=1, start=0.0, end=1.0, text="hello"),
    ]
    assert seen["audio"] == b"abc"
    asked = {"type": "config", **options.to_wire(), "events": ["audio_ack", "gap"]}
    assert seen["config"] == asked
    assert seen["change"] == {"type": "config", "language": None, "silence_threshold": 0.5}


async def test_an_error_that_does_not_close_is_an_event(serving):
    async def script(peer):
        await peer.accept()
        await peer.say("error", code="option_fixed", message="words cannot change")

    async with serving(script) as url:
        assert await events_of(url) == [Error(code="option_fixed", message="words cannot change")]


@pytest.mark.parametrize("during", ["opening", "call"])
async def test_a_fatal_error_is_raised_with_the_servers_words(serving, during):
    async def script(peer):
        if during == "call":
            await peer.accept()
        await peer.say("error", code="invalid_option", message="sample_rate: too low")
        await peer.connection.close(1008)

    async with serving(script) as url:
        with pytest.raises(ServerError, match=r"sample_rate: too low \(invalid_option\)") as error:
            await events_of(url)
    assert error.value.code == "invalid_option"


async def test_a_fatal_close_without_an_error_names_its_code(serving):
    async def script(peer):
        await peer.accept()
        await peer.connection.close(3000)

    async with serving(script) as url:
        with pytest.raises(ServerError, match="the server ended the call") as error:
            await events_of(url)
    assert error.value.code == "closed_3000"


async def test_a_call_that_is_not_admitted_is_refused(serving):
    async def script(peer):
        message = "all 4 vad slots are taken"
        await peer.say("error", code="at_capacity", message=message, retry_after=3)
        await peer.connection.close(1013, "at_capacity")

    async with serving(script) as url:
        with pytest.raises(Refused, match="all 4 vad slots") as error:
            await events_of(url)
    assert error.value.reason == "at_capacity"
    assert error.value.retry_after == 3


@pytest.mark.parametrize(("status", "asked", "expected"), [(503, "7", 7.0), (429, "soon", 5.0)])
async def test_http_refusals_carry_when_to_retry(serving, status, asked, expected):
    def refuse(connection, request):
        response = connection.respond(HTTPStatus(status), "full")
        response.headers["Retry-After"] = asked
        return response

    async with serving(None, process_request=refuse) as url:
        with pytest.raises(Refused) as error:
            await events_of(url)
    assert (error.value.reason, error.value.retry_after) == (f"http_{status}", expected)


async def test_another_http_answer_is_a_server_error(serving):
    def reject(connection, request):
        return connection.respond(HTTPStatus.NOT_FOUND, "nothing here")

    async with serving(None, process_request=reject) as url:
        with pytest.raises(ServerError) as error:
            await events_of(url)
    assert error.value.code == "http_404"


@pytest.mark.parametrize("how", ["abort", "going_away"])
async def test_a_broken_connection_is_disconnected_after_what_came_before(serving, how):
    async def script(peer):
        await peer.accept()
        await peer.say("error", code="utterance_failed", message="not fatal")
        await peer.say("partial", **SPAN, text="hello")
        await peer.until("flush")
        if how == "abort":
            peer.connection.transport.abort()
        else:
            await peer.connection.close(1001)

    async with serving(script) as url, connect(url, resume=False) as call:
        assert isinstance(await anext(call), Error)
        assert isinstance(await anext(call), Partial)
        await call.flush()
        with pytest.raises(Disconnected):
            await anext(call)
        with pytest.raises(Disconnected):
            await call.send(b"late")


async def test_sending_after_the_end_is_disconnected(serving):
    async def script(peer):
        await peer.accept()

    async with serving(script) as url, connect(url) as call:
        assert [event async for event in call] == []
        with pytest.raises(Disconnected, match="has ended the call"):
            await call.send(b"late")


async def test_what_comes_after_finalize_is_misuse_and_is_not_sent(serving):
    closing = asyncio.Event()

    async def script(peer):
        await peer.accept()
        await peer.until("finalize")
        assert peer.audio == b"ab"
        await closing.wait()
        await peer.connection.close(1000, "finished")
        assert [message async for message in peer.connection] == []

    async with serving(script) as url, connect(url) as call:
        await call.send(b"ab")
        await call.finalize()
        await call.finalize()
        for late in (call.send(b"cd"), call.flush(), call.configure(language=None)):
            with pytest.raises(Misuse, match="after finalize"):
                await late
        with pytest.raises(Misuse, match="after finalize"):
            await anext(call.transcribe(of(b"cd")))
        closing.set()
        assert [event async for event in call] == []
        with pytest.raises(Disconnected, match="has ended the call"):
            await call.finalize()


@pytest.mark.parametrize("pieces", [(), (b"cd",)])
async def test_a_second_source_is_not_taken_by_a_call_that_has_ended(serving, pieces):
    async def script(peer):
        await peer.accept()
        await peer.until("finalize")

    async with serving(script) as url, connect(url) as call:
        assert [event async for event in call.transcribe(of(b"ab"))] == []
        with pytest.raises(Disconnected, match="has ended the call"):
            await anext(call.transcribe(of(*pieces)))


@pytest.mark.parametrize("pieces", [(), (b"ab",)])
async def test_a_source_is_not_taken_by_a_call_that_the_server_has_ended(serving, pieces):
    async def script(peer):
        await peer.accept()

    async with serving(script) as url, connect(url) as call:
        assert [event async for event in call] == []
        with pytest.raises(Disconnected, match="has ended the call"):
            await anext(call.transcribe(of(*pieces)))


async def test_finalizing_leaves_the_source(serving):
    async def script(peer):
        await peer.accept()
        await peer.until("finalize")
        await peer.say("final", **SPAN, seq=1, text="hello")

    async with serving(script) as url, connect(url) as call:

        async def source():
            yield b"ab"
            await call.finalize()
            yield b"cd"
            raise AssertionError("read on")

        assert [event.kind async for event in call.transcribe(source())] == ["final"]


async def test_a_source_that_was_cancelled_ends_the_call(serving):
    async def script(peer):
        await peer.accept()
        await peer.connection.wait_closed()

    async def source():
        yield b"ab"
        raise asyncio.CancelledError

    async with serving(script) as url, connect(url) as call:
        with pytest.raises(Misuse, match="source raised CancelledError"):
            await anext(call.transcribe(source()))


async def test_cancelling_a_transcription_leaves_its_source(serving):
    left = asyncio.Event()

    async def script(peer):
        await peer.accept()
        await peer.say("partial", **SPAN, text="hello")
        await peer.connection.wait_closed()

    async def source():
        try:
            yield b"ab"
            await asyncio.Event().wait()
        finally:
            left.set()

    heard = asyncio.Event()

    async def transcribe(url):
        async with connect(url) as call:
            async for _ in call.transcribe(source()):
                heard.set()

    async with serving(script) as url:
        transcribing = asyncio.create_task(transcribe(url))
        await heard.wait()
        transcribing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await transcribing
        assert left.is_set()


async def test_a_server_that_closes_before_the_call_begins(serving):
    async def script(peer):
        await peer.connection.recv()

    async with serving(script) as url:
        with pytest.raises(Disconnected, match="before the call began"):
            await events_of(url)


async def test_nobody_there_is_one_clear_line(unused_tcp_port):
    with pytest.raises(Disconnected, match=f"127.0.0.1:{unused_tcp_port}.*connection refused"):
        await events_of(f"ws://127.0.0.1:{unused_tcp_port}/ws/asr")


@pytest.mark.parametrize("url", URLS)
async def test_what_is_no_websocket_url_is_a_setting_to_change(url):
    with pytest.raises(SettingsError, match="no ws:// or wss:// URL"):
        await events_of(url)


async def test_leaving_early_does_not_wait_for_unread_events(serving):
    left = asyncio.Event()

    async def script(peer):
        await peer.accept()
        try:
            while True:
                await peer.say("partial", **SPAN, text="hello " * 100)
        finally:
            left.set()

    async with serving(script) as url:
        async with connect(url) as call:
            await anext(call)
        await left.wait()


async def leaving_in_vain(url):
    """Leave a call while more waits to be sent than sockets hold, to a server that reads no more.

    Returns the call, and the task that leaves it.
    """
    called = asyncio.get_running_loop().create_future()

    async def leave():
        async with connect(url, Options(sample_rate=48_000), resume=False) as call:
            called.set_result(call)
            sending = asyncio.create_task(call.send(bytes(50_000_000)))
            connection = call._line._connection
            assert connection is not None
            while not connection.transport.get_write_buffer_size():
                await asyncio.sleep(0.001)
            sending.cancel()

    leaving = asyncio.create_task(leave())
    return await called, leaving


@pytest.mark.parametrize("how", ["in_time", "cancelled"])
async def test_leaving_does_not_wait_for_a_server_that_reads_no_more(serving, monkeypatch, how):
    monkeypatch.setattr(line, "_LEAVE_TIMEOUT", 0.05 if how == "in_time" else 1e6)
    left = asyncio.Event()

    async def script(peer):
        await peer.accept()
        peer.connection.transport.pause_reading()
        await left.wait()
        peer.connection.transport.abort()

    async with serving(script) as url:
        call, leaving = await leaving_in_vain(url)
        if how == "cancelled":
            while not call._line._running.done():
                await asyncio.sleep(0.001)
            leaving.cancel()
        try:
            async with asyncio.timeout(10):
                await asyncio.gather(leaving, return_exceptions=True)
                await call._line._connection.wait_closed()
        finally:
            left.set()
    assert leaving.cancelled() == (how == "cancelled")


async def test_cancelling_a_read_loses_no_event(serving):
    async def script(peer):
        await peer.accept()
        await peer.until("flush")
        await peer.say("partial", **SPAN, text="hello")
        await peer.until("finalize")

    async with serving(script) as url, connect(url) as call:
        reading = asyncio.create_task(anext(call))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await call.flush()
        assert isinstance(await anext(call), Partial)
