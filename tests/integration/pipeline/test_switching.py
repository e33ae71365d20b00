"""Options that are switched while a call goes on: each holds from its place in the audio on."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
import soundfile
import soxr

from common.audio import SAMPLE_RATE, FloatArray
from common.bus import wire
from common.bus.keys import Leg
from common.bus.wire import Chunk, Control
from common.pipeline.control import Configure, End
from common.pipeline.stream_ids import BEGINNING
from common.pipeline.streams import AUDIO, CHECKPOINT, CLEAN
from denoise_worker.alignment import DELAY, HOP
from tests.integration.conftest import RunningStack, wait_until
from tests.integration.pipeline.calls import (
    FINALIZE,
    Transcript,
    config,
    line,
    messages,
    said,
    sentence,
)
from tests.integration.pipeline.resuming import CutCall, facts, gateway, workers
from tests.integration.pipeline.services import Service, service
from tests.real_redis import admin, real_redis

MESSAGE = SAMPLE_RATE // 10
SECONDS = 8
OFF, ON = 30 * MESSAGE, 55 * MESSAGE
"""Where the calls below switch `denoise`, in samples."""
OPENING = config(
    denoise=True,
    attenuation_limit=12,  # of the default's 6 dB too little is seen in speech as loud as this
    interim_results=False,
    events=["speech_started", "speech_ended"],
)
NO_ALIGNER = "no aligner is running"


async def test_words_and_partials_switched_in_mid_utterance(stack: RunningStack):
    async with line(stack.url) as client:
        await client.say(config())
        spoken = [*messages(sentence())]
        await client.say(*spoken[: len(spoken) // 2], pace=0.1)
        await client.hear("partial")
        await client.say(config(words=True, interim_results=False), '{"type": "?"}')
        await client.hear("error")  # what comes behind it was sent after the change
        switched = len(client.transcript.messages)
        await client.say(*spoken[len(spoken) // 2 :], *messages(said(1.0)), pace=0.1)
        first = await client.hear("final")
        await client.say(*messages(said(sentence(), 1.0)), pace=0.1)
        second = await client.hear("final")
        assert client.transcript.messages[switched:] == [first, second]
        await client.say(config(words=False, interim_results=True))
        await client.say(*messages(said(sentence(), 1.0)), FINALIZE, pace=0.1)
        transcript = await client.hear_out()
    third = transcript.finals[2]
    assert {f["text"] for f in (first, second, third)} == {first["text"]}
    assert "words" not in first, "it began before"
    assert " ".join(word["word"].strip() for word in second["words"]) == second["text"]
    assert "words" not in third
    assert {partial["utterance"] for partial in transcript.of("partial")} == {1, 3}


# Denoising: recognisers whose texts tell every sample from another, real denoisers, real noise.


@dataclass
class Taken:
    """What lay in a leg's streams, taken from them before workers trim it."""

    client: redis.Redis
    leg: Leg
    log: dict[str, list[Chunk | Control]] = field(default_factory=lambda: {AUDIO: [], CLEAN: []})
    _last: dict[bytes, bytes] = field(default_factory=dict)

    def look(self) -> None:
        for kind, log in self.log.items():
            key = self.leg.key(kind)
            news: Any = self.client.xread({key: self._last.get(key, BEGINNING)})
            for stream_id, fields in (entry for _, entries in news for entry in entries):
                log.append(wire.read_source((stream_id, [*chain(*fields.items())])))
                self._last[key] = stream_id

    def until(self, position: int) -> bool:
        """Whether it is denoised until there."""
        self.look()
        return bool(self.log[CLEAN]) and self.log[CLEAN][-1].stream_id[0] >= position

    @property
    def saved(self) -> int:
        """Where the newest checkpoint of the denoiser is."""
        self.look()
        newest: Any = self.client.xrevrange(self.leg.key(CHECKPOINT.of("denoise")), count=1)
        entries = [(stream_id, [*chain(*fields.items())]) for stream_id, fields in newest]
        heard = [wire.read_progress(entry) for entry in entries]
        return heard[0].heard.position if heard and heard[0] else 0

    @property
    def ended(self) -> bool:
        self.look()
        last = [log[-1] for log in self.log.values() if log]
        return len(last) == 2 and all(
            isinstance(each, Control) and isinstance(each.command, End) for each in last
        )

    def samples(self, kind: str) -> FloatArray:
        """The samples, which must follow each other."""
        chunks = [each for each in self.log[kind] if isinstance(each, Chunk)]
        ends = [0, *(chunk.end for chunk in chunks)]
        assert [chunk.start for chunk in chunks] == ends[:-1]
        pcm = np.frombuffer(b"".join(chunk.pcm for chunk in chunks), "<i2")
        return pcm.astype(np.float32)

    def switches(self, kind: str) -> list[tuple[int, bool]]:
        return [
            (each.position, each.command.options.denoise)
            for each in self.log[kind]
            if isinstance(each, Control) and isinstance(each.command, Configure)
        ]


@pytest.fixture(scope="module")
def bus_url() -> Iterator[str]:
    with real_redis() as own, workers(own.url):
        yield own.url


@pytest.fixture(scope="module")
def lasting(bus_url: str) -> Iterator[Service]:
    with gateway(bus_url) as running:
        yield running


@pytest.fixture(scope="module")
def noisy(shared_speech: Path) -> list[bytes]:
    """Speech in steady noise that is hardly less loud, in messages of 0.1 s."""
    speech, rate = soundfile.read(shared_speech / "clean_48k.wav", dtype="float32")
    heard = np.asarray(soxr.resample(speech, rate, SAMPLE_RATE)[: SECONDS * SAMPLE_RATE])
    return [*messages(in_noise(heard))]


def in_noise(speech: FloatArray) -> FloatArray:
    noise = np.random.default_rng(1).normal(0, 0.02, len(speech))
    return np.clip(speech + noise, -1, 1).astype(np.float32)


def script(audio: Sequence[bytes]) -> list[str | bytes]:
    off, on = OFF // MESSAGE, ON // MESSAGE
    switches = config(denoise=False), config(denoise=True)
    return [*audio[:off], switches[0], *audio[off:on], switches[1], *audio[on:], FINALIZE]


async def held(
    url: str, bus_url: str, script: Sequence[str | bytes], victim: Service, kill_at: str = ""
) -> tuple[Transcript, Taken]:
    """Hold a call; end its denoiser `victim` at a place of it, and start another one."""
    position = 0
    with ExitStack() as heirs, admin(bus_url) as bus:
        async with line(url) as client:
            await client.say(OPENING)
            created = await client.hear("session_created")
            taken = Taken(bus, Leg(created["session_id"], 0))

            async def kill(place: str, condition: Callable[[], object]) -> None:
                if place == kill_at:
                    await wait_until(condition, f"it is {place}", 60)
                    victim.kill()
                    heirs.enter_context(service("denoise", bus_url))

            for message in script:
                taken.look()
                if isinstance(message, bytes):
                    position += len(message) // 2
                    await client.say(message)
                    if position == (OFF + ON) // 2 // MESSAGE * MESSAGE:
                        await kill("saved off", lambda: taken.saved > OFF)
                elif message != FINALIZE:
                    what = "off" if position == OFF else "on"
                    before = position - (DELAY + HOP if what == "off" else 0)
                    await kill(f"not yet {what}", partial(taken.until, before))
                    await client.say(message)
                    await kill(f"just {what}", partial(taken.until, position))
            await client.say(FINALIZE)
            await wait_until(lambda: taken.ended, "all is denoised", 60)
            return await client.hear_out(), taken


@pytest.fixture(scope="module")
def undisturbed(bus_url: str, lasting: Service, noisy: list[bytes]) -> tuple[Transcript, Taken]:
    with service("denoise", bus_url) as denoiser:
        denoiser.wait_ready()
        return asyncio.run(held(lasting.url, bus_url, script(noisy), denoiser))


async def test_denoise_is_off_between_its_switches(undisturbed: tuple[Transcript, Taken]):
    transcript, taken = undisturbed
    assert transcript.errors == []
    audio, clean = taken.samples(AUDIO), taken.samples(CLEAN)
    assert taken.switches(CLEAN) == taken.switches(AUDIO) == [(OFF, False), (ON, True)]
    inside = (OFF - DELAY) // HOP * HOP
    np.testing.assert_array_equal(clean[inside:ON], audio[inside:ON])
    # Nothing is taken away before it is known how loud the noise is.
    for end in (inside, len(audio)):
        start = end - SAMPLE_RATE
        assert np.std(clean[start:end]) < 0.9 * np.std(audio[start:end])
        assert not np.any(np.convolve(clean[start:end] == audio[start:end], np.ones(HOP)) == HOP)


@pytest.mark.parametrize(
    "kill_at", ["not yet off", "just off", "saved off", "not yet on", "just on"]
)
async def test_a_denoiser_killed_around_a_switch_leaves_no_trace(
    bus_url: str,
    lasting: Service,
    noisy: list[bytes],
    undisturbed: tuple[Transcript, Taken],
    kill_at: str,
):
    with service("denoise", bus_url) as victim:
        victim.wait_ready()
        transcript, taken = await held(lasting.url, bus_url, script(noisy), victim, kill_at)
    expected, before = undisturbed
    np.testing.assert_array_equal(taken.samples(CLEAN), before.samples(CLEAN))
    assert taken.switches(CLEAN) == before.switches(CLEAN)
    assert transcript.errors == []
    assert facts(transcript) == facts(expected)
    assert transcript.speech_events() == expected.speech_events()


async def test_a_call_keeps_what_was_switched_when_its_gateway_is_killed(
    bus_url: str, lasting: Service, noisy: list[bytes], undisturbed: tuple[Transcript, Taken]
):
    spoken = [*messages(in_noise(said(sentence(), 1.0)))]  # clear speech would stay as it is
    off = config(denoise=False, words=True, interim_results=True)
    call = CutCall(OPENING, [off, *spoken, config(denoise=True, words=False), *spoken, FINALIZE])
    with service("denoise", bus_url) as denoiser:
        denoiser.wait_ready()
        with gateway(bus_url) as victim:
            async with call.opened(victim.url) as client:
                await client.say(*call.script[:10])
                await client.hear("speech_started")
                victim.kill()
        with admin(bus_url) as bus:
            taken = Taken(bus, Leg(call.session, 0))
            taken.look()
            call.repeated = {"denoise": False, "words": True, "interim_results": True}
            async with call.back(lasting.url) as client:
                assert call.resumed[-1]["controls"] == 1
                for message in call.rest:
                    await client.say(message, pace=0.02)
                    taken.look()
                await wait_until(lambda: taken.ended, "all is denoised", 60)
                transcript = await client.hear_out()
    assert transcript.errors == []
    here = len(b"".join(spoken)) // 2
    assert taken.switches(CLEAN) == [(0, False), (here, True)]
    audio, clean = taken.samples(AUDIO), taken.samples(CLEAN)
    np.testing.assert_array_equal(clean[:here], audio[:here])
    assert not np.array_equal(clean[here:], audio[here:])
    first, second = [final for final in transcript.finals if final["text"]]
    assert (first["words"], first["words_unavailable"]) == (None, NO_ALIGNER)
    assert "words" not in second
    assert 2 in {partial["utterance"] for partial in transcript.of("partial")}


async def test_a_call_that_was_opened_without_denoise_cannot_switch_it(stack: RunningStack):
    async with line(stack.url) as client:
        await client.say(config(), config(denoise=True), config(denoise=False), FINALIZE)
        transcript = await client.hear_out()
    assert transcript.errors == ["option_fixed"]
    assert "opened with it" in transcript.of("error")[0]["message"]
    assert transcript.close_code == 1000
