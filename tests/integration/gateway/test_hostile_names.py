"""Every name that a client may choose: none becomes a label, or more than a value.

That is true of the log, of the answers over HTTP and WebSocket, and of what others read of a call.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import websockets.asyncio.client as ws
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import WebSocketException

from common.options import OPTIONS
from gateway.protocols import PROTOCOLS
from tests.attack import wire
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import FINALIZE, config, converse, messages, sentence
from tests.integration.pipeline.services import Service, service

MARK = "qzxjkv"
HARM = '\n{"level":"error"}\r\n\x1b[2J\x9b31m\x00\u2028\u202e"\'\\,{}'
MARKUP = "<script>--> &amp;\"'</v>"
FORMS = ("json", "txt", "srt", "vtt")
ROUNDS = 3


@pytest.fixture(params=["json", "console"])
def gateway(request, stack: RunningStack, tmp_path: Path) -> Iterator[tuple[Service, Path]]:
    log = tmp_path / "log"
    flags = ("--log-level", "info", "--log-format", request.param, "--resume-s", "0")
    with (
        log.open("wb") as out,
        service("gateway", stack.redis_url, *flags, "--opening-s", "1", stderr=out) as running,
    ):
        running.wait_ready()
        yield running, log


def series(gateway: Service) -> set[tuple[str, str]]:
    families = text_string_to_metric_families(gateway.page("/metrics")[1])
    return {(s.name, str(sorted(s.labels.items()))) for f in families for s in f.samples}


async def ask(port: int, request: bytes) -> bytes:
    """Send bytes; return what comes until the gateway closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(15):
        said = await reader.read()
    writer.close()
    return said


async def say(url: str, *messages: str | bytes, **options: Any) -> list[str]:
    """Send messages over a WebSocket until it is closed; return what comes, and why it closed."""
    told: list[str] = []
    with suppress(WebSocketException, OSError, TimeoutError):
        async with ws.connect(url, proxy=None, close_timeout=0.5, **options) as socket:
            for message in messages:
                await socket.send(message)
            async with asyncio.timeout(3):
                async for answer in socket:
                    assert isinstance(answer, str)
                    told.append(answer)
            told.append(socket.close_reason or "")
    return told


def requests(name: str) -> Iterator[bytes]:
    """Yield requests with a name in every place of HTTP that has one."""
    coded = quote(name, safe="")
    # A path with braces is none of the router's.
    part = quote(re.sub("[{}]", "", name), safe="")
    for path in (
        f"/{coded}",
        f"/page/{coded}",
        f"/v1/sessions/{coded}",
        f"/v1/sessions/{part}",
        f"/v1/sessions/{part}/events?{coded}={coded}",
        f"/v1/sessions/{part}/trace",
        f"/v1/sessions/{part}/transcript?format={coded}",
        f"/health?{coded}={coded}",
    ):
        yield wire.request(path, ("Connection: close",))
        yield wire.request(path, ("Content-Length: 0",), method="DELETE")
    plain = "".join(each for each in name if each.isalnum())
    yield wire.request("/health", (f"X-{plain}: {plain}", f"User-Agent: {coded}"))
    yield wire.request("/health", ("Content-Length: 0",), method=plain.upper())
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\nx\r\n--b--\r\n'
    )
    told = body % name.encode().replace(b'"', b"'").replace(b"\r\n", b" ")
    form = ("Content-Type: multipart/form-data; boundary=b", f"Content-Length: {len(told)}")
    yield wire.request(f"/v1/audio/transcriptions?{coded}", form, method="POST") + told
    upload = (f"Content-Type: audio/{plain}", "Content-Length: 1", f"Authorization: Token {plain}")
    yield wire.request(f"/v1/listen?model={coded}&{coded}=1", upload, method="POST") + b"x"


def configs(name: str) -> Iterator[dict[str, Any]]:
    """Yield messages with a name in every place of the native protocol that has one."""
    yield {"type": name}
    yield {"type": "config", name: name}
    yield {"type": "config", "conversation_id": name}
    yield {"type": "config", "channel_labels": [name]}
    yield {"type": "config", "webhook": f"http://{name}/"}
    yield {"type": "config", "resume": name, "seq": name}
    yield {"type": "config", "events": [name]}
    yield {"type": "config", "context": name, "keywords": [name]}
    for option in OPTIONS:
        yield {"type": "config", option: name}


async def name_everything(gateway: Service, name: str) -> tuple[list[bytes], list[str]]:
    """Use a name wherever a client chooses one, in every protocol over WebSocket.

    Return what came over HTTP, and over WebSockets.
    """
    coded = quote(name, safe="")
    plain = "".join(each for each in name if each.isalnum())
    answers = [await ask(gateway.port, request) for request in requests(name)]
    talks = []
    for protocol in PROTOCOLS:
        if protocol.port or not protocol.path:
            continue
        url = f"ws://127.0.0.1:{gateway.port}{protocol.path}"
        message = json.dumps({"type": name, "event": name, "config": {name: name}})
        talks.append(say(f"{url}?{coded}={coded}&session={coded}", message))
        talks.append(say(url, message, additional_headers={f"X-{plain}": plain}))
        with suppress(ValueError):
            talks.append(say(url, message, subprotocols=[plain]))
    talks += [say(gateway.url, json.dumps(each), FINALIZE) for each in configs(name)]
    return answers, [each for told in await asyncio.gather(*talks) for each in told]


def printable(text: str) -> bool:
    """Whether a text is lines of characters that can be printed."""
    return all(line.isprintable() for line in text.replace("\r\n", "\n").split("\n"))


async def test_a_name_stays_a_value(gateway, unharmed):
    running, log = gateway
    named = (name_everything(running, f"{MARK}0{each}") for each in ("", HARM))
    for answers, told in await asyncio.gather(*named):
        heads, bodies = zip(*(each.decode().split("\r\n\r\n", 1) for each in answers), strict=True)
        assert [each for each in heads if MARK in each.lower() or not printable(each)] == []
        assert [each for each in bodies if not printable(each)] == []
        strange = [json.loads(each) for each in told if not each.isprintable()]
        # A label comes back as it was given.
        assert {each["type"] for each in strange} <= {"session_created", "final"}
        quoted = [each for each in bodies if MARK in each]
        assert quoted, "an answer tells which value is wrong"
        assert all(isinstance(json.loads(each), dict) for each in quoted)
        assert [each for each in told if MARK in each], "and so does a message"
    # By now there is a series for each reason to refuse a name, and these are few.
    known = series(running)
    for number in range(1, ROUNDS):
        names = (f"{MARK}{number}", f"{MARK}{number}{HARM}")
        await asyncio.gather(*(name_everything(running, each) for each in names))
    assert series(running) - known == set()
    assert MARK not in running.page("/metrics")[1].lower()
    text = log.read_bytes().decode()
    assert "Traceback" not in text
    assert "session.opened" in text
    assert MARK not in text.lower(), "no event has a client's name"
    lines = text.removesuffix("\n").split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    if text.startswith("{"):
        assert {json.loads(line)["service"] for line in lines} == {"gateway"}
    else:
        assert {line.split()[2] for line in lines if not line.startswith("  ")} == {"gateway"}


async def test_what_others_read_of_a_call_has_its_names_as_values(gateway, unharmed):
    running, _ = gateway
    conversation, label = f"{uuid4()}{MARKUP}", f"{MARK}{HARM}{MARKUP}"
    opening = config(conversation_id=conversation, channel_labels=[label])
    heard = await converse(running.url, opening, *messages(sentence()), FINALIZE)
    assert heard.texts
    for name in (heard.session, quote(conversation, safe="")):
        read = {
            path: running.page(f"/v1/sessions/{name}{path}")
            for path in ("", "/events", "/trace", *(f"/transcript?format={each}" for each in FORMS))
        }
        assert {path: status for path, (status, _) in read.items() if status != 200} == {}
        _, events = read.pop("/events")
        assert [path for path, (_, body) in read.items() if not printable(body)] == []
        (known,) = json.loads(read[""][1])["sessions"]
        assert (known["conversation_id"], known["channel_labels"]) == (conversation, [label])
        # Characters beyond ASCII come as they are: to a reader of JSON none ends a line.
        fields = [line.partition(": ") for line in re.split("[\r\n]", events) if line]
        assert {field for field, _, _ in fields} == {"id", "event", "data"}
        told = [json.loads(text) for field, _, text in fields if field == "data"]
        assert {each["label"] for each in told if "label" in each} == {label}
        txt, srt, vtt = (read[f"/transcript?format={each}"][1] for each in FORMS[1:])
        assert [line[: len(MARK)] for line in txt.splitlines()] == [MARK] * len(heard.texts)
        for captions in (srt, vtt):
            assert captions.count("-->") == len(
                re.findall(r"^[\d:,.]+ --> [\d:,.]+$", captions, re.M)
            )
        assert vtt.count("<") == vtt.count("<v ")
