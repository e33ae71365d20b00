import asyncio
import dataclasses
import json
import os
import sys
import time
from typing import Any

import numpy as np
import pytest
import soundfile

from callscribe.audiofile import MIX, AudioFile
from callscribe.client.latency import MEASURES
from callscribe.client.options import Options
from callscribe.commands.option_flags import SHOWN
from callscribe.commands.server_flags import Server
from callscribe.commands.transcription import Source, TranscribeOptions, run
from common.lifecycle import EXIT_FAILED, EXIT_MISUSE
from tests.unit.gateway.files.recordings import file, tones


def asking(*, url: str | list[str], api_key: str | None = None, **others: Any) -> TranscribeOptions:
    """Options with a server of this URL, or of these."""
    urls = [url] if isinstance(url, str) else url
    return TranscribeOptions(server=Server(urls=urls, api_key=api_key), **others)


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
        assert await run(asking(files=[stereo], url=url, speed=0)) == 0
    samples, _ = soundfile.read(stereo, dtype="int16")
    assert seen["audio"] == samples.astype("<i2").tobytes()
    config = seen["config"]
    assert (config["encoding"], config["sample_rate"], config["channels"]) == ("pcm16", 8_000, 2)
    assert set(config["events"]) == {*SHOWN, "audio_ack"}
    assert "denoise" not in config
    printed = capsys.readouterr()
    assert printed.out == "[   0.10 -   0.50] caller: hello\n"
    assert "of audio in" in printed.err
    assert "p95" not in printed.err


async def test_json_tells_every_event_and_the_latencies(serving, stereo, capsys):
    async def script(peer):
        assert (await answer(peer))["denoise"] is True

    async with serving(script) as url:
        options = asking(
            files=[stereo], url=url, speed=50, form="jsonl", asked=Options(denoise=True)
        )
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
        "end",
        "summary",
    ]
    assert set(lines[2]["latency"]) == {"first_partial", "partial_lag"}
    assert set(lines[4]["latency"]) == {"endpoint_to_final", "finalisation"}
    assert lines[-1]["calls"] == 1
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
        assert await run(asking(files=[stereo], url=[url], speed=0)) == 0
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
        options = asking(files=[stereo], url=url, speed=0, resume=False)
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
        asked = Options(language="en", context="billing", words=True)
        options = asking(files=[stereo], url=url, speed=0, asked=asked, api_key="secret")
        assert "secret" not in repr(options)
        assert await run(options) == 0


async def test_several_files_are_calls_of_their_own(serving, stereo, capsys):
    async with serving(answer) as url:
        assert await run(asking(files=[stereo, stereo], url=url, speed=50)) == 0
    printed = capsys.readouterr()
    assert printed.out == f"# {stereo}\n[   0.10 -   0.50] caller: hello\n" * 2
    assert "1.1 s of audio" in printed.err
    assert all(meaning in printed.err for meaning in MEASURES.values())


async def test_files_at_the_same_time_are_told_one_after_the_other(serving, stereo, capsys):
    together = asyncio.Barrier(2)

    async def script(peer):
        await peer.accept()
        async with asyncio.timeout(10):
            await together.wait()
        await peer.until("finalize")
        for utterance in (1, 2):
            span = {**SPAN, "utterance": utterance, "seq": utterance}
            await peer.say("final", **span, text=f"text {utterance}")
            await asyncio.sleep(0)

    async with serving(script) as url:
        assert await run(asking(files=[stereo] * 4, url=url, speed=0, jobs=2)) == 0
    printed = capsys.readouterr()
    lines = "".join(f"[   0.10 -   0.50] caller: text {number}\n" for number in (1, 2))
    assert printed.out == f"# {stereo}\n{lines}" * 4
    assert [line[:5] for line in printed.err.splitlines()[:4]] == [f"[{n}/4]" for n in range(1, 5)]


async def test_a_call_that_fails_keeps_no_other_file_from_being_told(
    serving, stereo, tmp_path, capsys
):
    calls = []

    async def script(peer):
        calls.append(peer)
        if len(calls) == 2:
            await peer.accept()
            await peer.until_audio(1)
            await peer.say("error", code="overloaded", message="too far behind")
            await peer.connection.close(1011, "overloaded")
        else:
            await answer(peer)

    files = [tmp_path / f"{name}.wav" for name in "abc"]
    for each in files:
        each.write_bytes(stereo.read_bytes())
    options = asking(files=files, url="", speed=0, form="json", output=tmp_path)
    async with serving(script) as url:
        options = dataclasses.replace(options, server=Server(urls=[url]))
        assert await run(options) == EXIT_FAILED
    assert f"callscribe transcribe: {files[1]}: too far behind" in capsys.readouterr().err
    whole = [json.loads(file.with_suffix(".json").read_text()) for file in files]
    assert [each["complete"] for each in whole] == [True, False, True]
    assert [each["text"] for each in whole] == ["hello", "", "hello"]


async def test_once_a_call_cannot_be_opened_no_other_is_tried(serving, stereo, capsys):
    calls = []

    async def script(peer):
        calls.append(peer)
        await peer.connection.recv()
        await peer.say("error", code="invalid_option", message="no such thing")
        await peer.connection.close(1008, "invalid_option")

    async with serving(script) as url:
        assert await run(asking(files=[stereo] * 3, url=url, jobs=2)) == EXIT_FAILED
    assert len(calls) <= 2
    line = "callscribe transcribe: no such thing (invalid_option)\n"
    assert capsys.readouterr().err == line


async def test_captions_are_printed_in_the_end(serving, stereo, capsys):
    async with serving(answer) as url:
        assert await run(asking(files=[stereo], url=url, speed=0, form="srt")) == 0
    assert capsys.readouterr().out == "1\n00:00:00,100 --> 00:00:00,500\ncaller: hello\n\n"


async def test_one_channel_of_a_file_is_a_call_of_one_channel(serving, stereo):
    seen = []

    async def script(peer):
        seen.append((await answer(peer))["channels"])
        seen.append(np.frombuffer(peer.audio, np.int16)[:3].tolist())

    async with serving(script) as url:
        for channel in (2, MIX):
            options = asking(files=[stereo], url=url, speed=0, channel=channel)
            assert await run(options) == 0
    # The channels cancel each other out, so that one of them is taken.
    assert seen == [1, [0, -1, -2], 1, [0, 1, 2]]


@pytest.mark.parametrize("trouble", ["gap", "error"])
async def test_an_incomplete_transcript_is_a_failure(serving, stereo, trouble, capsys):
    async def script(peer):
        await answer(peer)
        if trouble == "gap":
            await peer.say("gap", channel=0, start=0.0, end=0.1)
        else:
            await peer.say("error", code="utterance_failed", message="sorry")

    async with serving(script) as url:
        options = asking(files=[stereo], url=url, speed=0)
        assert await run(options) == EXIT_FAILED
    assert "caller: hello" in capsys.readouterr().out


async def test_the_servers_reason_is_told_when_it_ends_the_call(serving, stereo, capsys):
    async def script(peer):
        await peer.accept()
        await peer.until_audio(2 * 2 * 800)
        await peer.say("error", code="overloaded", message="too far behind")
        await peer.connection.close(1011, "overloaded")

    async with serving(script) as url:
        options = asking(files=[stereo], url=url, speed=2)
        assert await run(options) == EXIT_FAILED
    errors = capsys.readouterr().err.splitlines()
    assert errors[-1] == "callscribe transcribe: too far behind (overloaded)"


async def test_a_server_that_stops_before_the_end_of_the_file_failed(serving, stereo, capsys):
    async def script(peer):
        await peer.accept()
        await peer.until_audio(2 * 2 * 800)

    async with serving(script) as url:
        options = asking(files=[stereo], url=url, speed=2)
        assert await run(options) == EXIT_FAILED
    assert "the server has ended the call" in capsys.readouterr().err


async def test_a_server_that_is_not_there_is_one_line(unused_tcp_port, stereo, capsys):
    url = f"ws://127.0.0.1:{unused_tcp_port}/ws/asr"
    assert await run(asking(files=[stereo], url=url)) == EXIT_FAILED
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"callscribe transcribe: cannot reach {url}: connection refused\n"


async def test_misuse_is_one_line_before_anything_is_sent(stereo, tmp_path, capsys):
    missing, fast = tmp_path / "missing.wav", tmp_path / "fast.wav"
    soundfile.write(fast, np.zeros(100), 384_000)
    cases = [
        (asking(files=[stereo, missing], url="ws://localhost:1"), "no such file"),
        (asking(files=[stereo], url="http://localhost"), "no ws:// or wss:// URL"),
        (asking(files=[stereo], url="ws://h:99999/"), "no ws:// or wss:// URL"),
        (asking(files=[stereo], url="ws://[::1/"), "no ws:// or wss:// URL"),
        (asking(files=[stereo], url="ws://localhost:1", speed=-1), "speed is -1"),
        (asking(files=[fast], url="ws://localhost:1"), "384000 Hz"),
        (asking(files=[stereo], url="ws://localhost:1", channel=3), "no channel 3; it has 2"),
    ]
    for options, reason in cases:
        assert await run(options) == EXIT_MISUSE
        printed = capsys.readouterr()
        assert reason in printed.err
        assert len(printed.err.splitlines()) == 1
        assert printed.out == ""


async def test_what_was_heard_before_the_damage_is_written(serving, tmp_path, capsys):
    """Broken off, and with samples that are no numbers: the call ends in order all the same."""
    whole = tmp_path / "whole.wav"
    soundfile.write(whole, np.zeros(8_000), 8_000)
    (tmp_path / "off.wav").write_bytes(whole.read_bytes()[:9_000])
    samples = np.zeros(8_000)
    samples[6_000:] = np.nan
    soundfile.write(tmp_path / "nan.wav", samples, 8_000, subtype="FLOAT")
    cases = {"off.wav": "broken off at 0.6 s", "nan.wav": "damaged at 0.750 s: sample 6000"}

    async def script(peer):
        await answer(peer)

    async with serving(script) as url:
        for name, reason in cases.items():
            options = asking(files=[tmp_path / name], url=url, speed=0)
            assert await run(options) == EXIT_FAILED
            printed = capsys.readouterr()
            assert "hello" in printed.out
            assert reason in printed.err


async def test_channels_that_cancel_each_other_out_are_told(serving, tmp_path, capsys):
    tone = np.sin(np.arange(8_000) / 3)
    for name, other in (("inverted.wav", -tone), ("alike.wav", tone)):
        soundfile.write(tmp_path / name, np.stack([tone, other], 1), 8_000)

    async def script(peer):
        await answer(peer)

    async with serving(script) as url:
        for name in ("inverted.wav", "alike.wav"):
            options = asking(files=[tmp_path / name], url=url, speed=0, channel=MIX)
            assert await run(options) == 0
            told = f"{name}: its channels cancel each other out" in capsys.readouterr().err
            assert told == (name == "inverted.wav")


async def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    serving, stereo, tmp_path, capsys
):
    async def script(peer):
        await answer(peer)

    text = tmp_path / "text.wav"
    text.write_text("no audio")
    async with serving(script) as url:
        assert await run(asking(files=[text, stereo], url=url, speed=0)) == EXIT_FAILED
    printed = capsys.readouterr()
    assert "hello" in printed.out
    assert "text.wav: not an audio file" in printed.err


async def test_a_pipe_is_transcribed(serving, tmp_path, stereo):
    async def script(peer):
        await answer(peer)

    os.mkfifo(tmp_path / "pipe")
    async with serving(script) as url:
        feeding = asyncio.create_task(
            asyncio.to_thread((tmp_path / "pipe").write_bytes, stereo.read_bytes())
        )
        assert await run(asking(files=[tmp_path / "pipe"], url=url, speed=0)) == 0
        await feeding


async def test_a_file_may_not_tell_how_long_it_is(serving, tmp_path, stereo):
    """As a browser records it; it does not stop the others either."""
    recorded = file(tones(48_000, 440), 48_000, "webm", "libopus", seekable=False)
    (tmp_path / "recorded.webm").write_bytes(recorded)

    async def script(peer):
        await answer(peer)

    files = [tmp_path / "recorded.webm", stereo]
    async with serving(script) as url:
        options = asking(files=files, url=url, speed=0, form="json", output=tmp_path)
        assert await run(options) == 0
    told = [json.loads((tmp_path / f"{path.stem}.json").read_text()) for path in files]
    assert [each["duration"] for each in told] == [None, 0.55]


async def test_a_closed_stdout_is_one_line(stereo, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    assert await run(asking(files=[stereo], url="ws://localhost:1")) == EXIT_FAILED
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
        running = asyncio.create_task(run(asking(files=[stereo], url=url, speed=0.001)))
        # The first message is due only after minutes at this speed.
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        running = asyncio.create_task(run(asking(files=[stereo], url=url, speed=0)))
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
    clock, sent = Clock(), []
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    with AudioFile(stereo) as audio:
        async for end, _ in Source(audio, 0.1, speed).messages():
            sent.append((end, clock.now))
            clock.now += 0.021  # sending takes a while
    recorded = [0.1, 0.2, 0.3, 0.4, 0.5, 0.55]
    # Late by one overshoot each, never by the sum of them.
    expected = [1000 + end / speed + clock.overshoot for end in recorded]
    assert [end for end, _ in sent] == pytest.approx(recorded)
    assert [at for _, at in sent] == pytest.approx(expected, abs=0.02 if speed > 1 else 0.01)
