import asyncio
import json
import sys
import time
from typing import Any

import numpy as np
import pytest
import soundfile

from callscribe.audiofile import AudioFile, AudioFileError
from callscribe.client.latency import MEASURES, Sending
from callscribe.commands import transcription
from callscribe.commands.transcription import TranscribeOptions, run
from common.lifecycle import EXIT_FAILED, EXIT_MISUSE

SPAN = {"channel": 1, "utterance": 1, "start": 0.1, "end": 0.5}


@pytest.fixture
def stereo(tmp_path):
    """0.55 s of two channels at 8 kHz: a ramp, and its negative."""
    ramp = np.arange(4_400, dtype=np.int16)
    soundfile.write(tmp_path / "stereo.wav", np.stack([ramp, -ramp], axis=1), 8_000)
    return tmp_path / "stereo.wav"


async def answer(peer):
    """What a server does with a file of one utterance."""
    config = await peer.accept()
    await peer.until("finalize")
    await peer.say("speech_started", channel=1, utterance=1, start=0.1, at=0.3)
    await peer.say("partial", **SPAN, text="hel", stable=0)
    await peer.say("speech_ended", **SPAN, at=0.55, reason="finish")
    await peer.say("final", **SPAN, seq=1, text="hello")
    return config


async def test_a_file_is_sent_as_it_is_and_its_transcript_printed(serving, stereo, capsys):
    seen = {}

    async def script(peer):
        seen["config"] = await answer(peer)
        seen["audio"] = bytes(peer.audio)

    async with serving(script) as url:
        assert await run(TranscribeOptions(files=[stereo], url=url, speed=0)) == 0
    samples, _ = soundfile.read(stereo, dtype="int16")
    assert seen["audio"] == samples.astype("<i2").tobytes()
    config = seen["config"]
    assert (config["encoding"], config["sample_rate"], config["channels"]) == ("pcm16", 8_000, 2)
    assert set(config["events"]) == {"speech_started", "speech_ended", "gap", "audio_ack"}
    assert "denoise" not in config
    printed = capsys.readouterr()
    assert printed.out == "[   0.10 -   0.50] caller: hello\n"
    assert "of audio in" in printed.err
    assert "p95" not in printed.err


async def test_json_tells_every_event_and_the_latencies(serving, stereo, capsys):
    async def script(peer):
        assert (await answer(peer))["denoise"] is True

    async with serving(script) as url:
        options = TranscribeOptions(files=[stereo], url=url, speed=50, json=True, denoise=True)
        assert await run(options) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert [line["type"] for line in lines] == [
        "call",
        "speech_started",
        "partial",
        "speech_ended",
        "final",
        "summary",
    ]
    assert set(lines[2]["latency"]) == {"first_partial", "partial_lag"}
    assert set(lines[4]["latency"]) == {"endpoint_to_final", "finalisation"}
    assert lines[-1]["files"] == 1
    assert lines[-1]["audio_seconds"] == 0.55
    assert set(lines[-1]["latency"]) == set(MEASURES)


async def test_a_broken_connection_is_resumed_and_said(serving, stereo, capsys):
    connections = []

    async def script(peer):
        connections.append(peer)
        if len(connections) == 1:
            await peer.accept()
            await peer.until_audio(4)
            peer.cut()
        else:
            await peer.resume()
            await peer.until("finalize")
            assert len(peer.audio) == 4 * 4_400
            await peer.say("final", **SPAN, seq=1, text="hello")

    async with serving(script) as url:
        assert await run(TranscribeOptions(files=[stereo], url=[url], speed=0)) == 0
    printed = capsys.readouterr()
    assert printed.out == "[   0.10 -   0.50] caller: hello\n"
    assert "connection lost for" in printed.err


async def test_without_resume_a_broken_connection_is_a_failure(serving, stereo, capsys):
    async def script(peer):
        config = await peer.accept()
        assert "audio_ack" not in config["events"]
        await peer.until_audio(4)
        peer.cut()

    async with serving(script) as url:
        options = TranscribeOptions(files=[stereo], url=url, speed=0, resume=False)
        assert await run(options) == EXIT_FAILED
    assert "the connection to the server broke" in capsys.readouterr().err


async def test_what_is_asked_for_is_passed_on(serving, stereo):
    async def script(peer):
        config = await answer(peer)
        assert config["language"] == "en"
        assert config["context"] == "billing"
        assert config["words"] is True
        assert peer.connection.request.headers["Authorization"] == "Bearer secret"

    async with serving(script) as url:
        asked: dict[str, Any] = {"language": "en", "context": "billing", "words": True}
        asked["api_key"] = "secret"
        options = TranscribeOptions(files=[stereo], url=url, speed=0, **asked)
        assert "secret" not in repr(options)
        assert await run(options) == 0


async def test_several_files_are_calls_of_their_own(serving, stereo, capsys):
    async with serving(answer) as url:
        assert await run(TranscribeOptions(files=[stereo, stereo], url=url, speed=50)) == 0
    printed = capsys.readouterr()
    assert printed.out == f"# {stereo}\n[   0.10 -   0.50] caller: hello\n" * 2
    assert "1.1 s of audio" in printed.err
    assert all(meaning in printed.err for meaning in MEASURES.values())


@pytest.mark.parametrize("trouble", ["gap", "error"])
async def test_an_incomplete_transcript_is_a_failure(serving, stereo, trouble, capsys):
    async def script(peer):
        await answer(peer)
        if trouble == "gap":
            await peer.say("gap", channel=0, start=0.0, end=0.1)
        else:
            await peer.say("error", code="utterance_failed", message="sorry")

    async with serving(script) as url:
        options = TranscribeOptions(files=[stereo], url=url, speed=0)
        assert await run(options) == EXIT_FAILED
    assert "caller: hello" in capsys.readouterr().out


async def test_the_servers_reason_is_told_when_it_ends_the_call(serving, stereo, capsys):
    async def script(peer):
        await peer.accept()
        await peer.until_audio(2 * 2 * 800)
        await peer.say("error", code="overloaded", message="too far behind")
        await peer.connection.close(1011, "overloaded")

    async with serving(script) as url:
        options = TranscribeOptions(files=[stereo], url=url, speed=2)
        assert await run(options) == EXIT_FAILED
    errors = capsys.readouterr().err.splitlines()
    assert errors[-1] == "callscribe transcribe: too far behind (overloaded)"


async def test_a_server_that_stops_before_the_end_of_the_file_failed(serving, stereo, capsys):
    async def script(peer):
        await peer.accept()
        await peer.until_audio(2 * 2 * 800)

    async with serving(script) as url:
        options = TranscribeOptions(files=[stereo], url=url, speed=2)
        assert await run(options) == EXIT_FAILED
    assert "the server has ended the call" in capsys.readouterr().err


async def test_a_server_that_is_not_there_is_one_line(unused_tcp_port, stereo, capsys):
    url = f"ws://127.0.0.1:{unused_tcp_port}/ws/asr"
    assert await run(TranscribeOptions(files=[stereo], url=url)) == EXIT_FAILED
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"callscribe transcribe: cannot reach {url}: connection refused\n"


async def test_misuse_is_one_line_before_anything_is_sent(stereo, tmp_path, capsys):
    missing, fast = tmp_path / "missing.wav", tmp_path / "fast.wav"
    soundfile.write(fast, np.zeros(100), 384_000)
    cases = [
        (TranscribeOptions(files=[stereo, missing], url="ws://localhost:1"), "no such file"),
        (TranscribeOptions(files=[stereo], url="http://localhost"), "no ws:// or wss:// URL"),
        (TranscribeOptions(files=[stereo], url="ws://h:99999/"), "no ws:// or wss:// URL"),
        (TranscribeOptions(files=[stereo], url="ws://[::1/"), "no ws:// or wss:// URL"),
        (TranscribeOptions(files=[stereo], url="ws://localhost:1", speed=-1), "speed is -1"),
        (TranscribeOptions(files=[stereo, fast], url="ws://localhost:1"), "384000 Hz"),
    ]
    for options, reason in cases:
        assert await run(options) == EXIT_MISUSE
        printed = capsys.readouterr()
        assert reason in printed.err
        assert len(printed.err.splitlines()) == 1
        assert printed.out == ""


async def test_a_file_that_breaks_off_ends_the_call(serving, stereo, monkeypatch, capsys):
    def broken(self, seconds):
        yield np.zeros((800, 2), np.float32)
        raise AudioFileError(f"{self.path}: broken audio")

    async def script(peer):
        await peer.accept()
        with pytest.raises(ConnectionError, match="the client left"):
            await peer.until("finalize")

    monkeypatch.setattr(AudioFile, "blocks", broken)
    async with serving(script) as url:
        options = TranscribeOptions(files=[stereo], url=url, speed=0)
        assert await run(options) == EXIT_MISUSE
    assert "broken audio" in capsys.readouterr().err


async def test_a_file_with_samples_that_are_no_numbers_ends_the_call(serving, tmp_path, capsys):
    async def script(peer):
        await peer.accept()
        with pytest.raises(ConnectionError, match="the client left"):
            await peer.until("finalize")

    soundfile.write(tmp_path / "a.wav", np.full(8_000, np.nan), 8_000, subtype="FLOAT")
    async with serving(script) as url:
        options = TranscribeOptions(files=[tmp_path / "a.wav"], url=url, speed=0)
        assert await run(options) == EXIT_MISUSE
    assert "sample 0, at 0.000 s, is infinite or not a number" in capsys.readouterr().err


async def test_a_closed_stdout_is_one_line(stereo, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    assert await run(TranscribeOptions(files=[stereo], url="ws://localhost:1")) == EXIT_FAILED
    assert capsys.readouterr().err == "callscribe transcribe: stdout is closed\n"


async def test_cancelling_ends_the_call(serving, stereo):
    heard, left = asyncio.Event(), asyncio.Event()

    async def script(peer):
        await peer.accept()
        await peer.until_audio(1)
        heard.set()
        await peer.connection.wait_closed()
        left.set()

    async with serving(script) as url:
        running = asyncio.create_task(run(TranscribeOptions(files=[stereo], url=url, speed=0.001)))
        # The first message is due only after minutes at this speed.
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        running = asyncio.create_task(run(TranscribeOptions(files=[stereo], url=url, speed=0)))
        await heard.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await left.wait()


class Clock:
    """A clock that only sleeping moves, and that sleeping overshoots."""

    overshoot = 0.013

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds + self.overshoot if seconds else 0.0


@pytest.mark.parametrize("speed", [1.0, 2.0])
async def test_audio_is_paced_on_an_absolute_clock(stereo, monkeypatch, speed):
    clock, sending, sent = Clock(), Sending(), []
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    with AudioFile(stereo) as audio:
        async for _ in transcription._recording(audio, speed, sending):
            sent.append(clock.now)
            clock.now += 0.021  # sending takes a while
    recorded = [0.1, 0.2, 0.3, 0.4, 0.5, 0.55]
    # Late by one overshoot each, never by the sum of them.
    expected = [1000 + end / speed + clock.overshoot for end in recorded]
    assert sent == pytest.approx(expected, abs=0.02 if speed > 1 else 0.01)
    assert [sending.time_of(end) for end in recorded] == sent
