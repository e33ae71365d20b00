"""Every fenced block of the documents is run, held against the code, or has a reason why not."""

import ast
import configparser
import json
import re
import shlex
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from common.redis.address import Address
from gateway.protocols import PROTOCOLS, native
from gateway.protocols.api import Codec, Request
from gateway.settings import GatewaySettings
from tests.conftest import ROOT
from tests.documents import Block, block, blocks, pages
from tests.unit.deploy import compose
from tests.unit.docs.examples import NOT_RUN, RUN

KNOWN = sorted({*RUN, *NOT_RUN})


def listed(page: str) -> list[str]:
    """Return how the listed blocks of a page begin."""
    return [*RUN.get(page, {}), *NOT_RUN.get(page, {})]


def unlisted(found: list[Block]) -> list[str]:
    """Return the blocks that stand in no list, or in several places of them."""
    return [
        f"{each.page}: {each.first}"
        for each in found
        if sum(each.text.startswith(beginning) for beginning in listed(each.page)) != 1
    ]


@pytest.mark.parametrize("page", pages())
def test_every_block_is_listed_once(page):
    assert unlisted(blocks(page)) == []


def test_a_block_that_is_not_listed_is_found():
    assert unlisted([Block("docs/new.md", "sh", "make coffee\n")]) == ["docs/new.md: make coffee"]


@pytest.mark.parametrize("page", KNOWN)
def test_every_listed_block_is_there(page):
    texts = [each.text for each in blocks(page)]
    missing = [
        beginning
        for beginning in listed(page)
        if not any(text.startswith(beginning) for text in texts)
    ]
    assert missing == []


@pytest.mark.parametrize("test", sorted({test for page in RUN.values() for test in page.values()}))
def test_a_test_that_is_named_is_there(test):
    path, name = test.split("::")
    tree = ast.parse((ROOT / path).read_text())
    functions = [
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert name in functions


def codec_of(path: str) -> Codec:
    (protocol,) = [each for each in PROTOCOLS if each.path == path]
    return protocol.build(GatewaySettings().session_defaults(), Request())


CONVERSATIONS = [
    each
    for page in ("docs/protocol.md", "docs/numbers.md")
    for each in blocks(page)
    if each.first.startswith(("→", "←"))
]


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda each: each.first[:40])
def test_a_printed_conversation_is_one_that_the_codec_has(conversation):
    codec = native.NativeCodec(GatewaySettings().session_defaults(), Request())
    lines = conversation.text.splitlines()
    sent = [line[2:] for line in lines if line.startswith("→ {")]
    for text in sent:
        codec.receive_text(text)
    received = [line[2:] for line in lines if line.startswith("← {")]
    assert received or sent
    page = (ROOT / "docs" / "protocol.md").read_text()
    for text in received:
        shown = re.sub(r"…, |, …", "", text.replace(": …", ": 0"))
        assert f"| `{json.loads(shown)['type']}` |" in page


def test_the_channel_of_asterisk_is_that_of_the_example():
    shown, example = configparser.ConfigParser(), configparser.ConfigParser()
    shown.read_string(block("docs/protocols/asterisk.md", "[callscribe]"))
    example.read(ROOT / "examples" / "asterisk" / "websocket_client.conf")
    del shown["callscribe"]["uri"], example["callscribe"]["uri"]
    assert dict(shown["callscribe"]) == dict(example["callscribe"])


def test_the_stream_that_twilio_is_told_of_opens_a_call():
    (stream,) = ElementTree.fromstring(block("docs/protocols/twilio.md", "<Resp")).iter("Stream")
    given = {each.attrib["name"]: each.attrib["value"] for each in stream.iter("Parameter")}
    assert stream.attrib["url"].endswith("/twilio")
    start = {
        "streamSid": "MZ0",
        "callSid": "CA0",
        "tracks": ["inbound", "outbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": given,
    }
    commands = codec_of("/twilio").receive_text(
        json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": "MZ0", "start": start})
    )
    assert "conversation='ticket-4711'" in repr(commands)
    assert "language='English'" in repr(commands)


def test_what_freeswitch_is_told_opens_a_call():
    line, _ = block("docs/protocols/freeswitch.md", "uuid_audio_fork").splitlines()
    metadata = line[line.index("{") :]
    assert "/audiofork mono 8k " in line
    assert "ticket-4711" in repr(codec_of("/audiofork").receive_text(metadata))


@pytest.mark.parametrize("profile", ["sentinel", "cluster"])
def test_the_urls_of_redis_name_services(profile):
    text = block("docs/compose.md", f"COMPOSE_PROFILES={profile}")
    settings = dict(line.split("=", 1) for line in text.splitlines())
    address = Address.parse(settings["CALLSCRIBE_REDIS_URL"])
    services = compose.read({})["services"]
    endpoints = address.sentinels or address.nodes
    assert endpoints
    for host, _ in endpoints:
        assert services[host]["profiles"] == [profile]


def docker_commands() -> list[list[str]]:
    """Return every `docker compose` command of the documents, as words."""
    lines = [
        line
        for page in pages()
        for each in blocks(page)
        for line in each.text.replace("\\\n", " ").splitlines()
    ]
    return [
        shlex.split(line, comments=True) for line in lines if line.startswith("docker compose ")
    ]


def test_what_compose_is_told_to_start_is_there():
    services = compose.read({})["services"]
    profiles = {profile for each in services.values() for profile in each.get("profiles", [])}
    assert docker_commands()
    for words in docker_commands():
        pairs = [*pairwise(words)]
        assert {value for flag, value in pairs if flag == "--profile"} <= profiles
        scaled = {value.partition("=")[0] for flag, value in pairs if flag == "--scale"}
        assert scaled <= {*services}
        assert all((ROOT / value).exists() for flag, value in pairs if flag == "-f")


def test_a_command_in_a_container_names_a_service():
    """Also one that stands within a sentence, which may go on in the next line."""
    services = compose.read({}, compose.USERS)["services"]
    texts = [(ROOT / page).read_text().replace("\\\n", " ") for page in pages()]
    command = r"docker compose (?:-\S+ \S+ )*(?:run|exec|restart|cp) ([^`\n]+(?:\n[^`\n]+`)?)"
    found = re.findall(command, "\n".join(texts))
    assert found
    for arguments in found:
        assert {word.partition(":")[0].strip("`)") for word in arguments.split()} & {*services}
