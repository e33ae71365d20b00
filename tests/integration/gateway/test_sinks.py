"""Every call's results reach the sinks of a gateway, and leave them when the call is erased."""

import json
from pathlib import Path
from typing import Any

import aiohttp

from tests.integration.callscribe.processes import until_true
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    FINALIZE,
    FLUSH,
    clip,
    config,
    converse,
    line,
    messages,
    said,
    sentence,
)
from tests.integration.pipeline.services import service


def files(folder: Path, session: str = "*") -> list[Path]:
    """The files of calls in `folder`; a gateway also writes those of ended calls that it finds."""
    return sorted(folder.glob(f"*/{session}.ndjson"))


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_call_is_a_file_until_it_is_erased(stack: RunningStack, unharmed, tmp_path):
    with service("gateway", stack.redis_url, "--sinks", f"archive=file:{tmp_path}") as gateway:
        gateway.wait_ready()
        audio = said(sentence(), 1.0, clip("hello_world"), 1.0)
        asked = config(conversation_id="case", words=True)
        transcript = await converse(gateway.url, asked, *messages(audio), FINALIZE)
        await until_true(lambda: files(tmp_path, transcript.session), 60.0)
        (path,) = files(tmp_path, transcript.session)
        lines = told(path)
        assert [each["text"] for each in lines if each["type"] == "final"] == transcript.texts
        assert {each["conversation_id"] for each in lines} == {"case"}
        assert lines[-1]["type"] == "session_ended"
        delivered = 'callscribe_sink_attempts_total{outcome="delivered",sink="archive"} 1.0'
        await until_true(lambda: delivered in gateway.page("/metrics")[1], 60.0)
        url = f"http://127.0.0.1:{gateway.port}/v1/sessions/{transcript.session}"
        async with aiohttp.ClientSession() as http, http.delete(url) as answer:
            assert answer.status == 200
        await until_true(lambda: not path.exists(), 60.0)


async def test_a_call_whose_gateway_died_is_written_once_by_another(
    stack: RunningStack, unharmed, tmp_path
):
    flags = ("--sinks", f"archive=file:{tmp_path}")
    with service("gateway", stack.redis_url, *flags) as first:
        first.wait_ready()
        async with line(first.url) as client:
            await client.say(config())
            created = await client.hear("session_created")
            await client.say(*messages(sentence()), FLUSH)
            said_before = (await client.hear("final"))["text"]
            first.kill()
    session = created["session_id"]
    assert files(tmp_path, session) == []
    with service("gateway", stack.redis_url, *flags) as other:
        other.wait_ready()
        async with line(other.url) as client:
            await client.say(config(resume=created["resume_token"], seq=1))
            await client.hear("session_created")
            await client.say(FINALIZE)
            await client.hear_out()
        await until_true(lambda: files(tmp_path, session), 60.0)
    (path,) = files(tmp_path, session)
    lines = told(path)
    assert [each["text"] for each in lines if each["type"] == "final" and each["text"]] == [
        said_before
    ]
    assert len({each["id"] for each in lines}) == len(lines)
