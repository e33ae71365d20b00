"""Calls through the proxies: at the pace of speech, by a client that knows all of them."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import soundfile

from callscribe.client import Call, Error, Final, Gap, Options, Resumed, connect
from common.errors import CallscribeError
from tests.chaos.judge import Spoken
from tests.conftest import ROOT

RECORDING = ROOT / "callscribe" / "sample" / "sample_call.wav"
_BLOCK_S = 0.1


@dataclass
class Course:
    """What became of a call."""

    urls: Sequence[str]
    """Where it calls: first at the first."""
    finals: list[Spoken] = field(default_factory=list)
    outages: list[float] = field(default_factory=list)
    """Seconds without a connection, of each time that it was resumed."""
    wrong: list[str] = field(default_factory=list)
    """Gaps, errors, and why it did not come to its end."""
    sent_s: float = 0.0


async def hold(course: Course, key: str, tls: ssl.SSLContext) -> None:
    """Say the sample call; fill `course` in."""
    with soundfile.SoundFile(RECORDING) as file:
        options = Options(sample_rate=file.samplerate, channels=file.channels)
        block = int(file.samplerate * _BLOCK_S)
        audio = [each.tobytes() for each in file.blocks(block, dtype="int16")]
    try:
        async with connect(course.urls, options, tls=tls, api_key=key) as call:
            speaking = asyncio.create_task(_speak(call, audio, course))
            try:
                async for event in call:
                    _take_down(event, course)
            finally:
                speaking.cancel()
                # What ends the call ends the speaking too; iterating has raised the reason.
                await asyncio.gather(speaking, return_exceptions=True)
    except CallscribeError as error:
        course.wrong.append(f"{type(error).__name__}: {error}")


async def _speak(call: Call, audio: Sequence[bytes], course: Course) -> None:
    began = time.monotonic()
    for number, block in enumerate(audio, 1):
        await call.send(block)
        course.sent_s = number * _BLOCK_S
        await asyncio.sleep(max(0.0, began + course.sent_s - time.monotonic()))
    await call.finalize()


def _take_down(event: object, course: Course) -> None:
    match event:
        case Final(channel=channel, utterance=utterance, start=start, end=end, text=text):
            course.finals.append(Spoken(channel, utterance, start, end, text))
        case Resumed(after_s=seconds):
            course.outages.append(seconds)
        case Gap() | Error():
            course.wrong.append(str(event))
