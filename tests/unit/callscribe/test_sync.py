import asyncio
import threading
from typing import Any, cast

import pytest

from callscribe import sync
from callscribe.client.errors import Disconnected, ServerError
from callscribe.client.messages import Final
from callscribe.client.options import Options
from common.errors import CallscribeError

SPAN = {"channel": 0, "utterance": 1, "start": 0.0, "end": 1.0}


@pytest.fixture
def apart(serving):
    """Run a function of the URL in a thread, while the script is served."""

    async def run(script, work):
        async with serving(script) as url:
            return await asyncio.to_thread(work, url)

    return run


async def answer(peer):
    await peer.accept()
    await peer.until("finalize")
    await peer.say("final", **SPAN, seq=1, text=bytes(peer.audio).decode())


async def listen(peer):
    await peer.accept()
    await peer.connection.wait_closed()


async def test_a_source_is_sent_and_its_events_are_iterated(apart):
    def work(url):
        with sync.connect(url) as call:
            assert call.session_id == "s1"
            return list(call.transcribe([b"hel", b"lo"]))

    (event,) = await apart(answer, work)
    assert isinstance(event, Final)
    assert event.text == "hello"


async def test_a_call_is_sent_and_read_step_by_step(apart):
    async def script(peer):
        await peer.accept()
        await peer.until("flush")
        change = await peer.until("config")
        assert change["language"] == "en"
        await peer.until("finalize")
        await peer.say("final", **SPAN, seq=1, text=bytes(peer.audio).decode())

    def work(url):
        with sync.connect(url, Options(sample_rate=8_000)) as call:
            call.send(b"he")
            call.flush()
            call.configure(language="en")
            call.send(b"llo")
            call.finalize()
            return [event.text for event in call if isinstance(event, Final)]

    assert await apart(script, work) == ["hello"]


async def test_a_key_is_sent_with_the_handshake(apart):
    async def script(peer):
        assert peer.connection.request.headers["Authorization"] == "Bearer secret"
        assert peer.connection.request.headers["X-Tenant"] == "a"
        await answer(peer)

    def work(url):
        with sync.connect(url, api_key="secret", headers={"X-Tenant": "a"}) as call:
            return list(call.transcribe([b"hello"]))

    assert len(await apart(script, work)) == 1


async def test_errors_are_those_of_the_client(apart, unused_tcp_port):
    async def script(peer):
        await peer.accept()
        await peer.say("error", code="invalid_audio", message="no")
        await peer.connection.close(1007, "invalid_audio")

    def work(url):
        with sync.connect(url) as call, pytest.raises(ServerError, match="invalid_audio"):
            list(call.transcribe([b"x"]))
        with pytest.raises(Disconnected, match="left"):
            call.send(b"late")
        with (
            pytest.raises(Disconnected, match="cannot reach"),
            sync.connect(f"ws://127.0.0.1:{unused_tcp_port}"),
        ):
            pass

    await apart(script, work)


async def test_what_the_source_raises_is_raised(apart):
    def source():
        yield b"x"
        raise ValueError("the microphone is gone")

    def work(url):
        with (
            pytest.raises(ValueError, match="microphone"),
            sync.connect(url) as call,
        ):
            list(call.transcribe(source()))

    await apart(listen, work)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
async def test_a_source_that_would_end_its_thread_ends_the_call(apart, kind):
    def source():
        yield b"x"
        raise kind("enough")

    def work(url):
        with sync.connect(url) as call:
            with pytest.raises(kind, match="enough"):
                list(call.transcribe(source()))
            with pytest.raises(CallscribeError, match=f"ended by {kind.__name__}: enough"):
                call.send(b"more")

    await apart(listen, work)


async def test_what_is_no_source_is_raised(apart):
    def work(url):
        with pytest.raises(TypeError, match="not iterable"), sync.connect(url) as call:
            list(call.transcribe(cast(Any, None)))

    await apart(listen, work)


def caught(work):
    """Return a thread that has begun to do `work`, and the list that gets what it raises."""
    errors = []

    def run():
        try:
            work()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, errors


async def test_a_call_of_another_thread_while_the_loop_ends_is_told(apart, monkeypatch):
    """The loop has been stopped and has found its last tasks: it would run nothing more."""
    calls: list[Any] = []
    outcomes = []
    all_tasks = asyncio.all_tasks

    def then_send(loop=None):
        found = all_tasks(loop)
        if threading.current_thread().name == "callscribe-call":
            thread, errors = caught(lambda: calls[0].send(b"late"))
            thread.join(10)
            outcomes.extend(errors)
        return found

    def work(url):
        with sync.connect(url) as call:
            calls.append(call)
            monkeypatch.setattr(asyncio, "all_tasks", then_send)

    await apart(listen, work)
    (error,) = outcomes
    assert isinstance(error, Disconnected)
    assert str(error) == "the call was left"


def test_what_the_loop_does_not_end_any_more_is_told():
    worker, begun = sync._Worker(), threading.Event()

    async def wait():
        begun.set()
        await asyncio.Event().wait()

    thread, errors = caught(lambda: worker.run(wait()))
    begun.wait()
    worker.end()
    thread.join()
    (error,) = errors
    assert isinstance(error, Disconnected)


async def test_leaving_early_ends_cleanly_while_the_source_blocks(apart):
    asked, going_on = threading.Event(), threading.Event()

    async def script(peer):
        await peer.accept()
        await peer.until_audio(1)
        await peer.say("final", **SPAN, seq=1, text="hello")
        await peer.connection.wait_closed()

    def source():
        yield b"x"
        asked.set()
        going_on.wait()
        yield b"y"

    def work(url):
        before = threading.active_count()
        with sync.connect(url) as call:
            for event in call.transcribe(source()):
                assert isinstance(event, Final)
                asked.wait()
                break
        going_on.set()
        for thread in threading.enumerate():
            if thread.name.startswith("callscribe"):
                thread.join()
        return threading.active_count() - before

    assert await apart(script, work) == 0
