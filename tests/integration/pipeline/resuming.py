"""Calls whose connection is cut, and that go on over another one, as raw as a client can do it."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any

from common.audio import FloatArray
from tests.integration.forks import ONE_THREAD, Fork, fork
from tests.integration.pipeline.calls import (
    SPEECH_EVENTS,
    Line,
    Message,
    Transcript,
    line,
    pcm16,
    said,
    sentence,
    split,
)
from tests.integration.pipeline.services import Service, service


def resume(token: str, seq: int = 0, **more: Any) -> str:
    """Return the message of a client that comes back; it has everything up to `seq`."""
    return json.dumps({"type": "config", "resume": token, "seq": seq, **more})


def going_on(
    script: Sequence[str | bytes], frame_bytes: int, position: int, controls: int
) -> Iterator[str | bytes]:
    """Return what is left to send: audio from frame `position` on and controls after `controls`.

    Each control stays in its place among the audio, also among audio that is not sent again.
    """
    start, sent, number = position * frame_bytes, 0, 0
    for message in script:
        if isinstance(message, str):
            number += 1
            if number > controls:
                yield message
        else:
            fresh = message[max(0, start - sent) :]
            sent += len(message)
            if fresh:
                yield fresh


class CutCall:
    """A call over any number of connections: a config, then a script of audio and controls."""

    def __init__(self, opening: str, script: Sequence[str | bytes], *, frame_bytes: int = 2):
        self.opening = opening
        self.script = script
        self.frame_bytes = frame_bytes
        self.transcript = Transcript()
        self.token = ""
        self.resumed: list[Message] = []
        self.repeated: Message = {}
        """Options that are said again beside `resume`."""

    @property
    def session(self) -> str:
        """The session's id."""
        return self.token.partition(".")[0]

    @property
    def seq(self) -> int:
        """The last number that the client has."""
        return max((m["seq"] for m in self.transcript.of("final", "words")), default=0)

    @asynccontextmanager
    async def opened(self, url: str) -> AsyncIterator[Line]:
        """Open the call; nothing of the script is sent yet."""
        async with line(url) as client:
            await client.say(self.opening)
            created = await client.hear("session_created")
            self.token = created["resume_token"]
            self.transcript = client.transcript
            yield client

    @asynccontextmanager
    async def back(self, url: str) -> AsyncIterator[Line]:
        """Come back to the call; nothing of the script is sent yet."""
        async with line(f"{url}?resume=1") as client:
            client.transcript = self.transcript
            await client.say(resume(self.token, self.seq, **self.repeated))
            created = await client.hear("session_created")
            assert (created["resumed"], created["resume_token"]) == (True, self.token)
            self.resumed.append(created)
            yield client

    @property
    def rest(self) -> list[str | bytes]:
        """What is left to send, as the gateway said when the client last came back."""
        last = self.resumed[-1]
        place = last["position"], last["controls"]
        return [*going_on(self.script, self.frame_bytes, *place)]

    async def run(self, url: str, cuts: Sequence[int], *, pace: float = 0.0) -> Transcript:
        """Send so many messages on each connection, cut it, come back, and in the end send all."""
        async with self.opened(url) as client:
            await client.say(*self.script[: cuts[0]], pace=pace)
            cut(client)
        for count in cuts[1:]:
            async with self.back(url) as client:
                await client.say(*self.rest[:count], pace=pace)
                cut(client)
        async with self.back(url) as client:
            await client.say(*self.rest)
            return await client.hear_out()


def cut(client: Line) -> None:
    """Break the connection as a network does: what is on its way is lost."""
    client.connection.transport.abort()


def facts(transcript: Transcript) -> list[Message]:
    """Return the finals less when they were sent, in order per channel.

    Between channels no order is promised, and so the numbers of two calls may differ there.
    """
    left_out = {"timestamp", "timing", "seq"}
    finals = [{k: v for k, v in f.items() if k not in left_out} for f in transcript.finals]
    return sorted(finals, key=lambda final: (final["channel"], final["utterance"]))


def numbers(transcript: Transcript) -> list[int]:
    """Return the `seq` of what has one, as it was told."""
    return [message["seq"] for message in transcript.of("final", "words")]


def distinct_speech_events(transcript: Transcript) -> list[Message]:
    """Return the speech events as `Transcript.speech_events`, each once: some may be repeated."""
    distinct: list[Message] = []
    for event in transcript.speech_events():
        if event not in distinct:
            distinct.append(event)
    return distinct


@contextmanager
def process(*command: str, tree: Path | None = None) -> Iterator["subprocess.Popen[bytes] | Fork"]:
    """Run a worker of the tests' own and see it ended on leaving; `tree` as for a service."""
    command = *command, "--log-level", "warning", "--drain-s", "3"
    running: subprocess.Popen[bytes] | Fork
    if tree is None:
        running = fork(*command)
    else:
        env = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(tree)}
        running = subprocess.Popen([sys.executable, "-m", *command], env=env, cwd=tree)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(20)


@contextmanager
def workers(redis_url: str, tree: Path | None = None) -> Iterator[Service]:
    """Run a real VAD worker, and recognisers whose texts tell every sample from another.

    Yields the former. `tree` as for a service.
    """
    asr = "tests.integration.pipeline.digest_asr"
    with (
        service("vad", redis_url, tree=tree) as vad,
        process(asr, "--redis-url", redis_url, "--metrics-port", "0", tree=tree),
    ):
        yield vad


@contextmanager
def gateway(
    redis_url: str, *flags: str, stderr: IO[bytes] | None = None, tree: Path | None = None
) -> Iterator[Service]:
    """Run a gateway that takes calls; `stderr` gets its log, `tree` as for a service."""
    with service("gateway", redis_url, *flags, stderr=stderr, tree=tree) as running:
        running.wait_ready()
        yield running


def talk(sentences: int) -> FloatArray:
    """Return as many spoken sentences with a second of silence between them."""
    return said(*[sentence() for _ in range(sentences)])


def talk_messages(sentences: int) -> list[str | bytes]:
    """Return `talk` as PCM16 messages of 0.1 s."""
    return [*split(pcm16(talk(sentences)), 3_200)]


TELLS_SPEECH = {"events": SPEECH_EVENTS, "interim_results": False}
