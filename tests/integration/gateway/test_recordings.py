"""A call is recorded as it was sent, from gateway to gateway, and erased with its call."""

from pathlib import Path

import aiohttp
import numpy as np

from tests.integration.callscribe.processes import until_true
from tests.integration.conftest import RunningStack
from tests.integration.gateway.recordings.calls import heard
from tests.integration.pipeline.calls import (
    FINALIZE,
    config,
    converse,
    line,
    messages,
    said,
    sentence,
)
from tests.integration.pipeline.services import service


def files(folder: Path, session: str) -> list[Path]:
    return sorted(path for path in folder.glob(f"*/{session}.*") if path.suffix == ".flac")


def pcm(pieces: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(pieces), "<i2")


async def test_a_call_is_recorded_through_a_pause_and_the_death_of_a_gateway(
    stack: RunningStack, unharmed, tmp_path
):
    flags = ("--recordings", f"file:{tmp_path}", "--record")
    first_said, secret, later = (pcm([*messages(said(sentence(), 1.0))]) for _ in range(3))
    with service("gateway", stack.redis_url, *flags) as first:
        first.wait_ready()
        async with line(first.url) as client:
            await client.say(config(events=["audio_ack"]))
            created = await client.hear("session_created")
            await client.say(first_said.tobytes())
            await client.say(config(record=False), secret.tobytes(), config(record=True))
            await client.say(later.tobytes())
            while (await client.hear("audio_ack"))["position"] < len(first_said) + len(secret):
                pass
            first.kill()
    sent = np.concatenate([first_said, secret, later])
    session = created["session_id"]
    with service("gateway", stack.redis_url, *flags) as other:
        other.wait_ready()
        async with line(other.url) as client:
            await client.say(config(resume=created["resume_token"], seq=0))
            resumed = await client.hear("session_created")
            await client.say(sent[resumed["position"] :].tobytes(), FINALIZE)
            await client.hear_out()
        await until_true(lambda: files(tmp_path, session), 60.0)
        (path,) = files(tmp_path, session)
        samples = heard(path)
        expected = sent.copy()
        expected[len(first_said) : len(first_said) + len(secret)] = 0
        assert np.array_equal(samples, expected)
        url = f"http://127.0.0.1:{other.port}/v1/sessions/{session}"
        async with aiohttp.ClientSession() as http, http.delete(url) as answer:
            assert answer.status == 200
        await until_true(lambda: [*tmp_path.glob("*/*")] == [], 60.0)


async def test_what_cannot_be_recorded_is_refused(stack: RunningStack, unharmed):
    transcript = await converse(stack.url, config(record=True))
    assert transcript.errors == ["recording_refused"]
    transcript = await converse(stack.url, config(), config(record=True), FINALIZE)
    assert transcript.errors == ["option_fixed"]
