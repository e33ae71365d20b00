"""Asterisk's configuration: read as Asterisk reads it, and its calls placed by hand."""

import configparser
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid4

import pytest
import redis
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from gateway.protocols import asterisk, audiosocket
from tests.integration.callscribe.processes import until
from tests.integration.conftest import RunningStack
from tests.integration.examples.conftest import EXAMPLES, plain
from tests.integration.gateway import telephones
from tests.integration.gateway import test_telephony as telephony
from tests.integration.gateway.stored import StoredCall, stored_calls
from tests.integration.pipeline.calls import pcm16, sample_call, split
from tests.real_redis import admin

pytestmark = pytest.mark.model_text

PATH = EXAMPLES / "asterisk"
SPOKEN = "my name is daniel carter"
NUMBER = "4711"
CALLER = 1


@dataclass(frozen=True)
class Step:
    """One priority of an extension: an application and its arguments."""

    application: str
    arguments: str


Dialplan = dict[str, list[Step]]


def read_dialplan(text: str) -> tuple[Mapping[str, str], Dialplan]:
    """Return the globals, and of each context the steps of its only extension, in order."""
    found: Mapping[str, str] = {}
    contexts: Dialplan = {}
    sections = re.split(r"^\[([\w-]+)\]$", re.sub(r";.*", "", text), flags=re.MULTILINE)
    for name, body in zip(sections[1::2], sections[2::2], strict=True):
        lines = [line.strip() for line in body.splitlines() if line.strip()]
        if name == "globals":
            found = dict(line.split("=", 1) for line in lines)
            continue
        first, *more = (line.split("=>", 1) for line in lines)
        assert [first[0].strip(), *(kind.strip() for kind, _ in more)] == ["exten"] + [
            "same"
        ] * len(more)
        pattern, priority, action = first[1].strip().split(",", 2)
        assert (pattern, priority) == ("_X.", "1")
        actions = [action]
        for _, rest in more:
            priority, action = rest.strip().split(",", 1)
            assert priority == "n"
            actions.append(action)
        contexts[name] = [step(action) for action in actions]
    return found, contexts


def step(action: str) -> Step:
    match = re.fullmatch(r"(\w+)\((.*)\)", action)
    assert match is not None, action
    return Step(match[1], match[2])


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Put the values of variables and of the function `UUID` in their places."""
    for name, value in variables.items():
        text = text.replace("${" + name + "}", value)
    assert "${" not in text, text
    return text


@pytest.fixture
def bus(stack: RunningStack) -> "Iterator[redis.Redis]":
    with admin(stack.redis_url) as client:
        yield client


@pytest.fixture
def dialplan() -> tuple[Mapping[str, str], Dialplan]:
    return read_dialplan((PATH / "extensions.conf").read_text())


def speech() -> Sequence[bytes]:
    """Return what the caller says, as signed linear audio of 8 kHz in packets of 20 ms."""
    audio = sample_call(13)[:, CALLER]
    return [*split(pcm16(audio), 320)]


def ended(bus: "redis.Redis", **about: str) -> StoredCall:
    until(lambda: any(SPOKEN in plain(" ".join(c.texts())) for c in stored_calls(bus, **about)), 30)
    (call,) = stored_calls(bus, **about)
    return call


def test_the_audio_socket_of_the_dialplan_is_a_call(place, bus, dialplan):
    known, contexts = dialplan
    steps = contexts["transcribed-audiosocket"]
    assert [s.application for s in steps] == ["Answer", "Set", "Verbose", "AudioSocket", "Hangup"]
    variables = {**known, "UUID()": str(uuid4())}
    name, _, value = steps[1].arguments.partition("=")
    variables[name] = expanded(value, variables)
    uuid, address = expanded(steps[3].arguments, variables).split(",")
    assert uuid in expanded(steps[2].arguments, variables)
    host, _, port = address.partition(":")
    # The place of the test stands for the gateway, which listens on its usual port.
    assert int(port) == audiosocket.PROTOCOL.usual_port
    with socket.create_connection((host, place.audiosocket), timeout=30) as line:
        line.sendall(telephony.frame(0x01, UUID(uuid).bytes))
        for packet in speech():
            line.sendall(telephony.frame(0x10, packet))
        line.sendall(telephony.frame(0x00))
        assert telephony.heard(line) == b""
    assert ended(bus, name=uuid).record.about.name == uuid


def test_the_web_socket_of_the_dialplan_is_a_call(place, bus, dialplan):
    steps = dialplan[1]["transcribed-websocket"]
    assert [s.application for s in steps] == ["Answer", "Dial", "Hangup"]
    technology, client, flags = steps[1].arguments.split("/")
    assert technology == "WebSocket"
    settings = configparser.ConfigParser(comment_prefixes=";")
    settings.read(PATH / "websocket_client.conf")
    section = settings[client]
    assert section["type"] == "websocket_client"
    uri = urlsplit(section["uri"])
    assert (uri.scheme, uri.port, uri.path) == ("ws", 8000, asterisk.PROTOCOL.path)
    match = re.fullmatch(r"c\((\w+)\)v\((.+)\)", flags)
    assert match is not None
    codec, said = match[1], expanded(match[2], {"EXTEN": NUMBER, "UNIQUEID": str(uuid4())})
    query = dict(pair.split("=", 1) for pair in said.split(","))
    url, offered = f"{place.ws}{uri.path}?{urlencode(query)}", [Subprotocol(section["protocols"])]
    with connect(url, subprotocols=offered, proxy=None) as line:
        assert line.subprotocol == "media"
        line.send(f"MEDIA_START connection_id:m1 channel:c1 channel_id:{uuid4()} format:{codec}")
        ulaw = telephones.encoded(sample_call(13)[:, CALLER])
        for packet in split(ulaw, telephones.PACKET):
            line.send(packet)
    call = ended(bus, conversation=query["conversation_id"])
    assert query["conversation_id"].startswith(NUMBER)
    assert call.record.options.words
