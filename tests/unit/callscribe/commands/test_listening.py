import asyncio
import json
import os
import signal

import pytest

from callscribe import microphone
from callscribe.cli import main
from callscribe.client.options import Options
from callscribe.commands.listening import ListenOptions, run
from callscribe.commands.server_flags import Server
from callscribe.microphone import MicrophoneError
from common.lifecycle import EXIT_INTERRUPTED
from tests.unit.callscribe.sounds import SPEAKER, Sounddevice

PIECE = b"\1\0" * 800
SPAN = {"channel": 0, "utterance": 1, "start": 0.1, "end": 0.5}


def options(url, **others):
    given = {"form": "text", "output": None, "device": None, "duration": None, "resume": True}
    asked = others.pop("asked", Options())
    server = Server(urls=[url])
    return ListenOptions(server=server, asked=asked, chunk_s=0.1, **{**given, **others})


async def speaking(library, *pieces):
    """Wait until the stream is open and speak into it."""
    while not (library.streams and library.streams[0].active):
        await asyncio.sleep(0.001)
    library.streams[0].hear(*pieces)


async def answer(peer):
    config = await peer.accept()
    await peer.until("finalize")
    await peer.say("final", **SPAN, seq=1, text="hello")
    return config


async def test_the_first_interrupt_ends_the_call_and_prints_the_rest(serving, capsys):
    seen = {}

    async def script(peer):
        seen["config"] = await peer.accept()
        await peer.until_audio(1)
        os.kill(os.getpid(), signal.SIGINT)
        await peer.until("finalize")
        seen["audio"] = bytes(peer.audio)
        await peer.say("final", **SPAN, seq=1, text="hello")

    library = Sounddevice()
    async with serving(script) as url:
        listening = asyncio.create_task(run(options(url), library))
        await speaking(library, PIECE)
        assert await listening == 0
    assert seen["audio"] == PIECE
    assert (seen["config"]["sample_rate"], seen["config"]["channels"]) == (16_000, 1)
    assert library.streams[0].closed
    printed = capsys.readouterr()
    assert printed.out == "[   0.10 -   0.50] speaker: hello\n"
    assert "callscribe listen: headset, 16000 Hz; Ctrl-C ends the call" in printed.err
    assert "0.1 s of audio in " in printed.err


async def test_the_second_interrupt_leaves(serving):
    gone = asyncio.Event()

    async def script(peer):
        await peer.accept()
        os.kill(os.getpid(), signal.SIGINT)
        await peer.until("finalize")
        os.kill(os.getpid(), signal.SIGINT)
        await peer.connection.wait_closed()
        gone.set()

    library = Sounddevice()
    async with serving(script) as url:
        assert await run(options(url), library) == EXIT_INTERRUPTED
        await gone.wait()
    assert library.streams[0].closed


async def test_a_duration_ends_it_and_the_whole_goes_to_a_file(serving, tmp_path, capsys):
    library = Sounddevice()
    async with serving(answer) as url:
        given = options(url, form="json", output=tmp_path, duration=0.05)
        listening = asyncio.create_task(run(given, library))
        await speaking(library, PIECE)
        assert await listening == 0
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("call-20")
    whole = json.loads(path.read_text())
    assert (whole["device"], whole["complete"], whole["text"]) == ("headset", True, "hello")
    assert capsys.readouterr().out == ""


async def test_trouble_with_the_device_is_told_while_the_call_goes_on(serving, monkeypatch, capsys):
    monkeypatch.setattr(microphone, "STALL_S", 0.01)
    library = Sounddevice()
    async with serving(answer) as url:
        assert await run(options(url, duration=0.2), library) == 0
    assert "callscribe listen: headset has given no audio" in capsys.readouterr().err


async def test_a_device_that_stops_ends_the_call_with_what_was_said(serving, monkeypatch, capsys):
    monkeypatch.setattr(microphone, "STALL_S", 0.05)

    async def script(peer):
        await peer.accept()
        await peer.until_audio(1)
        await peer.say("final", **SPAN, seq=1, text="hello")
        with pytest.raises(ConnectionError):
            await peer.until("finalize")

    library = Sounddevice()
    async with serving(script) as url:
        listening = asyncio.create_task(run(options(url, form="srt"), library))
        await speaking(library, PIECE)
        library.streams[0].active = False
        with pytest.raises(MicrophoneError, match="unplugged"):
            await listening
    assert "hello" in capsys.readouterr().out


def test_a_machine_without_a_microphone_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(microphone, "sounddevice", lambda: Sounddevice([SPEAKER]))
    for argv in ([], ["--list-devices"]):
        assert main(["listen", *argv]) == 1
        line = "callscribe listen: there is no device that records, or this user may not use it\n"
        assert capsys.readouterr().err == line


def test_the_devices_are_listed(monkeypatch, capsys):
    monkeypatch.setattr(microphone, "sounddevice", Sounddevice)
    assert main(["listen", "--list-devices"]) == 0
    assert capsys.readouterr().out == "  3 headset (2 channels)\n"


def test_flags_become_options(monkeypatch):
    seen = []

    async def stand_in(options, library):
        seen.append(options)
        return 0

    monkeypatch.setattr("callscribe.commands.listening.run", stand_in)
    monkeypatch.setattr(microphone, "sounddevice", Sounddevice)
    flags = ["--device", "head", "--channels", "2", "--duration", "3", "--format", "vtt"]
    assert main(["listen", *flags, "--chunk-ms", "20", "--labels", "a,b"]) == 0
    (given,) = seen
    assert (given.device, given.duration, given.form, given.chunk_s) == ("head", 3, "vtt", 0.02)
    assert (given.asked.channels, given.asked.words) == (2, True)
    assert given.asked.channel_labels == ("a", "b")


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--duration", "0"], "--duration: 0 is not more than 0"),
        (["--duration", "nan"], "--duration: nan is not more than 0"),
        (["--channels", "3"], "--channels: invalid choice: "),
        (["call.wav"], "unrecognized arguments: call.wav"),
    ],
)
def test_misuse_is_one_clear_line(argv, line, capsys):
    assert main(["listen", *argv]) == 2
    assert capsys.readouterr().err.startswith(f"callscribe listen: {line}")
