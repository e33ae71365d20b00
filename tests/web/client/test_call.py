"""The JavaScript client's contract on the real server, as the Python client's tests hold it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import soundfile

from callscribe import sample, sync
from callscribe.client.dialling import dial, resuming
from callscribe.client.messages import Final
from callscribe.client.options import Options
from common.audio import float_to_pcm16
from tests.chaos.proxy import Proxy
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.services import service
from tests.web.client.conftest import Drive, Program

RATE = 8_000
SECONDS = 16
FORMAT = {"sample_rate": RATE, "channels": 2}
SETTINGS: dict[str, Any] = {"format": FORMAT, "events": ["speech_ended", "gap"]}
WATCHED: dict[str, Any] = {**SETTINGS, "events": ["speech_ended", "gap", "audio_ack"]}
"""The first acknowledgement comes in the middle of a sentence, however slow recognition is."""
SPEED = 4


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample call's beginning as PCM16."""
    path = tmp_path_factory.mktemp("audio") / "call.wav"
    audio, rate = soundfile.read(sample.AUDIO, SECONDS * RATE, dtype="float32", always_2d=True)
    soundfile.write(path, audio, rate, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def undisturbed(stack: RunningStack, spoken: Path) -> list[Any]:
    """What the Python client hears over a network that does not break."""
    audio, _ = soundfile.read(spoken, dtype="float32", always_2d=True)
    options = Options(sample_rate=RATE, channels=2)
    blocks = (float_to_pcm16(audio[at : at + 800].ravel()) for at in range(0, len(audio), 800))
    with sync.connect(stack.url, options) as call:
        finals = [event for event in call.transcribe(blocks) if isinstance(event, Final)]
    return sorted((f.channel, f.utterance, f.start, f.end, f.text) for f in finals)


def apart(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in a loop of its own: beside a browser that a session shares none can run."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, test(**fixtures)).result()

    return run


def heard(program: Program) -> list[Any]:
    """Read to the end of a call that must end in order; return its finals."""
    assert program.until("over") == {"state": "finished", "failure": None}
    return program.texts()


def test_the_transcript_is_that_of_the_python_client(stack, drive: Drive, spoken, undisturbed):
    with drive(stack.url, settings=SETTINGS, wav=str(spoken), speed=SPEED) as program:
        assert heard(program) == undisturbed
    states = ["open", "finishing", "finished"]
    assert program.all("state") == states
    measures = {each["measure"] for each in program.all("latency")}
    assert measures == {"first_partial", "partial_lag", "endpoint_to_final", "finalisation"}
    assert all(each["seconds"] > 0 for each in program.all("latency"))
    ended = [(each["channel"], each["utterance"]) for each in program.all("speech_ended")]
    assert len(ended) == len(set(ended))
    assert program.all("audio_ack") == []


def test_a_file_as_fast_as_the_server_takes_it(stack, drive: Drive, spoken, undisturbed):
    with drive(stack.url, wav=str(spoken)) as program:
        assert heard(program) == undisturbed


def test_a_dialogue_of_controls(stack, drive: Drive):
    labels = ["agent", "customer"]
    settings = {
        **{"format": FORMAT, "channel_labels": labels, "conversation_id": "js", "words": True},
        "events": ["audio_ack", "keyword"],
    }
    with drive(stack.url, settings=settings) as program:
        created = program.until("created")
        assert created["channel_labels"] == labels
        assert created["conversation_id"] == "js"
        program.do("send", 4 * 4 * RATE)
        program.do("flush")
        answers = [program.until("final") for _ in labels]
        assert sorted((each["channel"], each["label"]) for each in answers) == [*enumerate(labels)]
        positions = [each["position"] for each in program.all("audio_ack")]
        assert positions
        assert positions == sorted(set(positions))
        program.do("configure", {"language": "klingon"})
        assert program.until("warning")["code"] == "unknown_language"
        program.do("configure", {"language": "en", "keywords": ["bill"]})
        program.do("finish")
        assert len(heard(program)) == 2 * len(labels)
        assert len(program.all("warning")) == 1


def test_a_call_that_was_left_is_over_on_the_server(stack, drive: Drive):
    with drive(stack.url) as program:
        session = program.until("created")["session_id"]
        assert session in stack.page("/v1/sessions")[1]
        program.do("leave")
        assert heard(program) == []
    with drive(f"http://127.0.0.1:{stack.port}", reader=session) as reader:
        reader.until("session_ended")
        assert reader.until("over")["state"] == "ended"


@asynccontextmanager
async def network(*ports: int) -> AsyncIterator[tuple[Proxy, str]]:
    """A network before gateways, and their URL in it."""
    proxy = Proxy(ports)
    await proxy.start()
    try:
        yield proxy, f"ws://127.0.0.1:{proxy.port}/ws/asr"
    finally:
        await proxy.stop()


@pytest.mark.parametrize("seed", [1, 2, 3])
@apart
async def test_a_connection_cut_at_random_changes_no_word(
    stack, drive: Drive, spoken, undisturbed, seed
):
    async with network(stack.port) as (proxy, url):

        async def cutting() -> None:
            dice = random.Random(seed)
            while True:
                await asyncio.sleep(dice.uniform(0.2, 1.5))
                (proxy.cut if dice.random() < 0.7 else proxy.half_close)(1.0)

        with drive(url, settings=SETTINGS, wav=str(spoken), speed=SPEED) as program:
            await asyncio.to_thread(program.until, "created")
            trouble = asyncio.create_task(cutting())
            assert await asyncio.to_thread(heard, program) == undisturbed
            trouble.cancel()
        assert program.all("resumed")
        ended = [(each["channel"], each["utterance"]) for each in program.all("speech_ended")]
        assert len(ended) == len(set(ended))


@apart
async def test_a_network_that_swallows_everything_for_a_while_changes_no_word(
    stack, drive: Drive, spoken, undisturbed
):
    async with network(stack.port) as (proxy, url):
        with drive(url, settings=WATCHED, wav=str(spoken), speed=SPEED) as program:
            await asyncio.to_thread(program.until, "audio_ack")
            await proxy.swallow(2.0)
            assert await asyncio.to_thread(heard, program) == undisturbed
            assert program.all("resumed")


@apart
async def test_a_gateway_killed_in_mid_sentence_and_started_again_changes_no_word(
    stack, drive: Drive, spoken, undisturbed
):
    with service("gateway", stack.redis_url) as first:
        first.wait_ready()
        async with network(first.port) as (proxy, url):
            with drive(url, settings=WATCHED, wav=str(spoken), speed=SPEED) as program:
                await asyncio.to_thread(program.until, "audio_ack")
                first.kill()
                with service("gateway", stack.redis_url) as second:
                    await asyncio.to_thread(second.wait_ready)
                    proxy.backends = [second.port]
                    assert await asyncio.to_thread(heard, program) == undisturbed
            (resumed,) = program.all("resumed")
            print(f"resumed after {resumed['afterS']:.2f} s at {resumed['position']:.2f} s")


@pytest.mark.parametrize("how", ["killed", "drained"])
def test_another_gateway_takes_the_call_over(stack, drive: Drive, spoken, undisturbed, how):
    with service("gateway", stack.redis_url) as first:
        first.wait_ready()
        urls = [first.url, stack.url]
        with drive(urls, settings=WATCHED, wav=str(spoken), speed=SPEED) as program:
            program.until("audio_ack")
            if how == "killed":
                first.kill()
            else:
                first.process.terminate()
            assert heard(program) == undisturbed
        (resumed,) = program.all("resumed")
        print(f"{how}: resumed after {resumed['afterS']:.2f} s")
        assert program.all("warning") == []


@apart
async def test_the_client_whose_call_was_taken_over_is_told(stack, drive: Drive):
    with drive(stack.url) as program:
        created = await asyncio.to_thread(program.until, "created")
        config = {"resume": created["resume_token"], "seq": 0}
        taker, taken = await dial(resuming(stack.url), config, tls=None, timeout=5)
        assert taken.resumed
        over = await asyncio.to_thread(program.until, "over")
        assert over["failure"]["code"] == "resumed_elsewhere"
        await taker.close()


def test_a_server_that_is_full_refuses(stack, drive: Drive):
    with service("gateway", stack.redis_url, "--max-sessions", "1") as full:
        full.wait_ready()
        with drive(full.url) as first, drive(full.url) as second:
            assert first.until("created", "over")
            assert second.until("created", "over")
            overs = [*first.all("over"), *second.all("over")]
            assert [over["failure"]["code"] for over in overs] == ["refused"]


def test_options_that_the_server_does_not_take_fail_the_call(stack, drive: Drive):
    with drive(stack.url, settings={"language": "klingon"}) as program:
        assert program.until("over")["failure"]["code"] == "unknown_language"


@apart
async def test_a_reader_misses_nothing_over_a_network_that_breaks(
    stack, drive: Drive, spoken, undisturbed
):
    async with network(stack.port) as (proxy, url):
        base = url.removesuffix("/ws/asr")
        with drive(stack.url, settings=SETTINGS, wav=str(spoken), speed=SPEED) as program:
            session = (await asyncio.to_thread(program.until, "created"))["session_id"]
            with drive(base, reader=session) as reader:
                for _ in range(3):
                    await asyncio.to_thread(reader.until, "partial", "final")
                    proxy.cut(1.0)
                assert await asyncio.to_thread(heard, program) == undisturbed
                over = await asyncio.to_thread(reader.until, "over")
                assert reader.texts() == undisturbed
    assert over["state"] == "ended"
    assert int(over["place"]) == max(each["seq"] for each in reader.all("final"))


def test_a_reader_of_a_call_that_nobody_knows_fails(stack, drive: Drive):
    with drive(f"http://127.0.0.1:{stack.port}", reader="nobody") as reader:
        assert reader.until("state") == "failed"
