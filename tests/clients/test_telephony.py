"""streamdouble, which sends what Twilio Media Streams sends, at the pace of a call."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import soundfile

from callscribe import sample
from callscribe.loadtest.scoring import word_errors
from tests.clients import environments
from tests.clients.environments import ROOT
from tests.integration.callscribe.processes import until
from tests.integration.conftest import RunningStack
from tests.integration.gateway.conftest import status
from tests.integration.gateway.stored import StoredCall, stored_calls
from tests.real_redis import admin

MOST_WRONG = 0.1
"""Share of the words of the sample call."""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the sample call's legs, customer.wav and agent.wav."""
    audio, rate = soundfile.read(sample.AUDIO, dtype="float32")
    for channel, name in enumerate(("agent", "customer")):
        soundfile.write(tmp_path / f"{name}.wav", audio[:, channel], rate, subtype="PCM_16")
    return tmp_path


def documented() -> str:
    """Return the command that the documents show."""
    page = (ROOT / "docs" / "protocols" / "twilio.md").read_text()
    shown = re.search(r"^    streamdouble ((?:.*\\\n)*.*)$", page, re.MULTILINE)
    assert shown is not None
    return shown[1].replace("\\\n", " ")


def fork(stack: RunningStack, place: Path, command: str) -> dict[str, Any]:
    """Let streamdouble place a call; return its report. Anything sent back to it is an error."""
    try:
        program = environments.python("telephony").with_name("streamdouble")
    except environments.NotInstalled as missing:
        pytest.skip(str(missing))
    there = command.replace("ws://localhost:8000", f"ws://127.0.0.1:{stack.port}")
    words = [str(program), *shlex.split(there), "--strict-fork", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=180, cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["violations"] == []
    assert report["closed_by"] is None
    return report


def stored(stack: RunningStack, conversation: str) -> StoredCall:
    until(lambda: status(stack)["sessions"] == 0)
    with admin(stack.redis_url) as bus:
        (call,) = stored_calls(bus, conversation=conversation)
    return call


def share_wrong(call: StoredCall, references: list[str]) -> float:
    texts = [" ".join(call.texts(channel)) for channel in range(len(references))]
    wrong, words = word_errors(references, texts)
    return wrong / words


def test_both_legs_of_a_forked_call_are_heard(stack, place):
    fork(stack, place, documented())
    call = stored(stack, "test")
    assert call.record.about.labels == ("customer", "agent")
    assert call.record.about.name.startswith("CA")
    agent, customer = sample.references()
    assert share_wrong(call, [customer, agent]) <= MOST_WRONG


def test_a_leg_that_loses_packets_is_heard(stack, place):
    command = "call ws://localhost:8000/twilio --fork --audio agent.wav --packet-loss 0.01"
    report = fork(stack, place, f"{command} --jitter 10 --param conversation_id=lossy")
    assert report["frames_dropped"] > 0
    agent, _ = sample.references()
    assert share_wrong(stored(stack, "lossy"), [agent]) <= 2 * MOST_WRONG
