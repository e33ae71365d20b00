"""The examples of the pages in docs of which nothing else has a test."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from callscribe.local.child import free_ports
from tests.documents import block
from tests.integration.conftest import RunningStack
from tests.integration.documents import example
from tests.integration.examples.workshop import Workshop, ended_call
from tests.integration.gateway.telephones import FOX
from tests.integration.pipeline.calls import said, sentence
from tests.integration.pipeline.services import Service, service


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """A file with one channel of PCM16 at 16 kHz."""
    path = tmp_path / "call.wav"
    soundfile.write(path, said(sentence(), 0.5), 16_000, subtype="PCM_16")
    return path


@pytest.fixture
def streaming(stack: RunningStack) -> Iterator[tuple[Service, int]]:
    """A gateway with the port for raw audio over TCP."""
    (port,) = free_ports(1)
    with service("gateway", stack.redis_url, "--stream-port", str(port)) as running:
        running.wait_ready()
        yield running, port


def test_the_example_of_the_native_protocol_runs(stack, spoken):
    *partials, final = example("native.md", spoken, stack.url).splitlines()
    assert final == f"final   0 {FOX}"
    assert all(line.startswith("partial 0 ") for line in partials)


def test_the_example_for_clients_of_rnnt_servers_runs(stack, spoken):
    url = f"ws://127.0.0.1:{stack.port}/ws/transcribe"
    assert example("transcribe.md", spoken, url) == FOX


def test_the_example_for_clients_of_whisper_streaming_runs(streaming, spoken):
    line = example("whisper_streaming.md", spoken, "127.0.0.1", streaming[1])
    span, _, text = line.partition(" ")
    begin, end = map(float, span.split("-"))
    assert 0 <= begin < end <= 4
    assert text == FOX


def messages(stream: str) -> dict[str, dict[str, Any]]:
    """Return the messages of an event stream by their type; what is cut off as `…` is left out."""
    whole = re.sub(r", …|…", "", stream)
    found = re.findall(r"^event: (\w+)\ndata: (.+)$", whole, re.MULTILINE)
    return {event: json.loads(data) for event, data in found}


def test_the_events_of_a_call_look_as_shown(workshop: Workshop):
    page = "docs/calls.md"
    told = messages(workshop.shell(block(page, "curl -N"), ID=ended_call(workshop)))
    shown = messages(block(page, "id: 0"))
    assert shown
    for event, message in shown.items():
        assert message["type"] == told[event]["type"] == event
        named = {"channel_labels", "label"}  # which this call has not
        assert message.keys() - named <= told[event].keys()


def test_the_trace_of_a_call_looks_as_shown(workshop: Workshop):
    page = "docs/calls.md"
    session = ended_call(workshop, words=True, channel_labels=["agent"])
    commands = block(page, "callscribe trace")
    printed = workshop.shell(commands, ID=session)
    assert "agent, utterance 1" in printed
    assert "word 3, agent, utterance 1" in printed
    assert (workshop.folder / "call.svg").read_text().startswith("<svg ")
    told = json.loads(workshop.shell("callscribe trace $ID --json", ID=session))
    shown = json.loads(block(page, '{"session_ids"').replace(", …", ""))
    assert shown.keys() == told.keys()
    example, utterance = shown["utterances"][0], told["utterances"][0]
    assert example.keys() == utterance.keys()
    for field in ("stamps", "workers"):
        assert example[field].keys() == utterance[field].keys()
    for field in ("parts", "words"):
        assert example[field][0].keys() == utterance[field][0].keys()
