"""`callscribe watch` reads calls of the real stack, through gateways that may be killed."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from uuid import uuid4

import pytest
from websockets.sync.client import connect

from tests.integration.callscribe.processes import until
from tests.integration.examples.conftest import plain
from tests.integration.pipeline.calls import pcm16, sample_call, split
from tests.integration.pipeline.services import service

pytestmark = pytest.mark.model_text

ANSWERED = "thank you for calling northwind energy"
SPOKEN = "my name is daniel carter"


def rest_of(reader):
    """Return what is left of stdout, and stderr.

    `communicate` would miss what `readline` has read ahead.
    """
    output, errors = reader.stdout.read(), reader.stderr.read()
    reader.wait(60)
    return output, errors


@pytest.fixture
def watch(stack):
    """Starts the command; the last URL is that of the stack's gateway."""
    running = []

    def start(*argv, urls=(), **streams):
        urls = [*urls, f"http://127.0.0.1:{stack.port}"]
        flags = [part for url in urls for part in ("--url", url)]
        command = [sys.executable, "-m", "callscribe", "watch", *argv, *flags]
        pipe = subprocess.PIPE
        given = {"stdout": pipe, "stderr": pipe, "text": True, **streams}
        running.append(subprocess.Popen(command, **given))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def call(stack):
    """A call of two parties with a name; it speaks when it is told to."""
    labels, name = ["agent", "customer"], f"ticket {uuid4()}"
    options = {"encoding": "pcm16", "sample_rate": 8_000, "channels": 2, "channel_labels": labels}
    with connect(stack.url, proxy=None, max_queue=None) as client:
        keywords = {"keywords": ["Northwind"], "conversation_id": name}
        client.send(json.dumps({"type": "config", **options, **keywords}))
        yield Call(client, name, json.loads(client.recv())["session_id"])


class Call:
    """The client's end of a call."""

    def __init__(self, client, name, session):
        self._client = client
        self.name = name
        self.session = session

    def say(self, begin, end):
        for part in split(pcm16(sample_call(end)[round(begin * 8_000) :]), 3_200):
            self._client.send(part)
        self._client.send(json.dumps({"type": "flush"}))
        while not json.loads(self._client.recv(timeout=30)).get("is_speech_final"):
            pass

    def end(self):
        self._client.send(json.dumps({"type": "finalize"}))


def test_a_running_call_is_listed_and_read_by_role_until_it_ends(watch, call):
    listed, _ = watch("--json").communicate(timeout=30)
    sessions = [json.loads(line) for line in listed.splitlines()]
    assert call.session in [session["session_id"] for session in sessions]
    call.say(0, 6.5)
    reader = watch(call.name)
    assert reader.stdout.readline().startswith(f"# call {call.session}")
    call.say(6.5, 13)
    call.end()
    output, errors = rest_of(reader)
    assert reader.returncode == 0
    said = {
        label: plain(" ".join(re.findall(rf"\] {label}: ([^(].*)$", output, re.MULTILINE)))
        for label in ("agent", "customer")
    }
    assert ANSWERED in said["agent"]
    assert SPOKEN in said["customer"]
    assert output.count("(keyword Northwind, said as") >= 1
    assert f"call {call.session} has ended" in errors
    again, _ = watch(call.session, "--from", "1", "--json").communicate(timeout=30)
    seqs = [message["seq"] for message in map(json.loads, again.splitlines()) if "seq" in message]
    assert min(seqs) == 2


def test_a_gateway_that_is_killed_loses_nothing(watch, call, stack):
    with service("gateway", stack.redis_url) as other:
        other.wait_ready()
        reader = watch(call.name, "--json", urls=[f"http://127.0.0.1:{other.port}"])
        assert json.loads(reader.stdout.readline())["type"] == "session_created"
        call.say(0, 6.5)
        messages = [json.loads(reader.stdout.readline())]
        while messages[-1]["type"] != "final":
            messages.append(json.loads(reader.stdout.readline()))
        other.kill()
        call.say(6.5, 13)
        call.end()
        output, errors = rest_of(reader)
    assert reader.returncode == 0
    assert "trying again" in errors
    messages += map(json.loads, output.splitlines())
    seqs = [message["seq"] for message in messages if message["type"] == "final"]
    assert seqs == sorted(set(seqs))
    text = plain(" ".join(m["text"] for m in messages if m["type"] == "final"))
    assert ANSWERED in text
    assert SPOKEN in text
    assert messages[-1]["type"] == "session_ended"


def test_an_unknown_call_is_one_line(watch):
    _, errors = watch("no such call").communicate(timeout=30)
    assert errors.startswith("callscribe watch: http://127.0.0.1:")
    assert errors.count("\n") == 1
    reader = watch("no such call", "--from", "x")
    _, errors = reader.communicate(timeout=30)
    assert reader.returncode in (1, 2)
    assert errors.count("\n") == 1


def test_a_terminal_shows_partials_and_an_interrupt_leaves_it_in_order(watch, call):
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    reader = watch(call.name, stdin=theirs, stdout=theirs, env=env, text=True)
    shown = ""

    def showing(text):
        nonlocal shown
        if text not in shown and select.select([ours], [], [], 0.1)[0]:
            shown += os.read(ours, 1000).decode(errors="replace")
        return text in shown

    until(lambda: showing(f"call {call.session}"))
    call.say(0, 6.5)
    until(lambda: showing("agent: "))
    reader.send_signal(signal.SIGINT)
    until(lambda: showing("\x1b[?25h"))
    assert reader.wait(20) == 130
    # Open until here: what is written just before the last end is closed may be lost.
    os.close(theirs)
    os.close(ours)
