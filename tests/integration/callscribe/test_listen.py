"""`callscribe listen` hears a real PortAudio device on the real stack."""

import json
import signal
import subprocess
import sys

import pytest

from tests.integration import soundcard
from tests.integration.gateway.telephones import FOX
from tests.integration.pipeline.calls import pcm16, said, sentence

pytestmark = pytest.mark.model_text

BLOCK, BLOCK_S = 3_200, 0.1


@pytest.fixture
def listen(stack, tmp_path):
    """Starts the command on a card that says the sentence, and then nothing."""
    soundcard.needed()
    running = []
    speech = pcm16(said(sentence(), 0.5))
    with soundcard.soundcard(tmp_path, speech, block=BLOCK, seconds=BLOCK_S) as env:

        def start(*flags):
            command = [sys.executable, "-m", "callscribe", "listen", "--url", stack.url, *flags]
            pipe = subprocess.PIPE
            process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=env)
            running.append(process)
            return process

        yield start
        for process in running:
            process.kill()
            process.communicate()


def test_the_device_is_listed(listen):
    output, _ = listen("--list-devices").communicate(timeout=30)
    assert "line (" in output


def test_what_is_said_is_printed_and_an_interrupt_ends_the_call(listen):
    process = listen("--format", "jsonl")
    events = (json.loads(line) for line in process.stdout)
    final = next(event for event in events if event["type"] == "final" and event["text"])
    assert final["text"] == FOX
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    last = [json.loads(line) for line in output.splitlines()]
    assert [line["type"] for line in last[-2:]] == ["end", "summary"]
    assert last[-2]["complete"] is True
    assert "no audio" not in errors
    assert "dropped" not in errors


def test_captions_of_a_microphone(listen, tmp_path):
    process = listen("--duration", "6", "--format", "srt", "--output", str(tmp_path / "a.srt"))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    number, times, *text = (tmp_path / "a.srt").read_text().strip().split("\n")
    assert number == "1"
    assert " --> " in times
    assert " ".join(text) == FOX
