"""The polite neighbour: speaks at the pace of speech, and resumes where its connection breaks."""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from callscribe import sample
from callscribe.audiofile import AudioFile
from callscribe.client import Call, connect
from callscribe.client.messages import Final, SpeechEnded
from callscribe.client.options import Options
from common.audio import float_to_pcm16
from common.errors import CallscribeError
from tests.attack.scoring import Heard

_MESSAGE_S = 0.1
_PAUSE_S = 0.7
"""Silence behind each turn, beyond the silence that ends an utterance."""
_LONGEST_S = 3.3
"""Turns of the sample call that are longer are left out: more finals, better percentiles."""
_SILENCE_S = 0.3
_SHORTER_S = 1.5
"""A script may be so much shorter than asked for, or about as much longer."""


@dataclass(frozen=True, slots=True)
class Script:
    """What a neighbour says: PCM16."""

    pcm: bytes
    rate: int

    @property
    def seconds(self) -> float:
        """How long that takes."""
        return len(self.pcm) / 2 / self.rate


def scripts(count: int, seconds: float) -> list[Script]:
    """Return scripts of whole turns, about `seconds` long, each beginning with another turn."""
    turns = json.loads(sample.DESCRIPTION.read_text())["turns"]
    with AudioFile(sample.AUDIO) as audio:
        sides = np.concatenate(list(audio.blocks(1.0))).T
        rate = audio.rate
    pause = bytes(2 * round(_PAUSE_S * rate))
    parts = [
        float_to_pcm16(sides[t["channel"]][round(t["start"] * rate) : round(t["end"] * rate)])
        + pause
        for t in turns
        if t["end"] - t["start"] < _LONGEST_S
    ]
    found = []
    for number in range(count):
        at = number * len(parts) // count
        pcm = b""
        while len(pcm) < 2 * rate * (seconds - _SHORTER_S):
            pcm += parts[at % len(parts)]
            at += 1
        found.append(Script(pcm, rate))
    return found


@dataclass(slots=True)
class _Notes:
    began: float
    decided: dict[int, float] = field(default_factory=dict)
    told: dict[int, float] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)


async def speak(
    url: str,
    script: Script,
    patience: float,
    *,
    counts_from: float = 0.0,
    key: str | None = None,
) -> Heard:
    """Hold one call; it is given up `patience` seconds after its last word.

    A final is late from when the audio was spoken that decided its endpoint, whether or not it
    could be sent then. Finals count from `counts_from` seconds of audio on.
    """
    options = Options(
        sample_rate=script.rate, silence_threshold=_SILENCE_S, events=("speech_ended",)
    )
    failure = ""
    notes = _Notes(time.monotonic())
    try:
        async with (
            asyncio.timeout(script.seconds + patience),
            connect(url, options, patience=patience, api_key=key) as call,
        ):
            notes.began = time.monotonic()
            listening = asyncio.create_task(_listen(call, notes))
            try:
                await _say(call, script, notes.began)
                await listening
            finally:
                listening.cancel()
                with suppress(asyncio.CancelledError, CallscribeError):
                    await listening
    except TimeoutError:
        failure = f"its call was not over {patience:g} s after its last word"
    except CallscribeError as error:
        failure = f"{type(error).__name__}: {error}"
    over = time.monotonic()
    late = {at: notes.told[n] - (notes.began + sent(at)) for n, at in notes.decided.items()
            if n in notes.told}  # fmt: skip
    return Heard(notes.words, late, over - notes.began, counts_from, failure)


def sent(position: float) -> float:
    """Return when the message is due that holds the audio up to a position."""
    return -(-(position - 0.0005) // _MESSAGE_S) * _MESSAGE_S


async def _say(call: Call, script: Script, began: float) -> None:
    size = 2 * round(script.rate * _MESSAGE_S)
    parts: Sequence[bytes] = [script.pcm[at : at + size] for at in range(0, len(script.pcm), size)]
    for number, part in enumerate(parts, 1):
        await asyncio.sleep(max(0.0, began + number * _MESSAGE_S - time.monotonic()))
        await call.send(part)
    await call.finalize()


async def _listen(call: Call, notes: _Notes) -> None:
    async for event in call:
        if isinstance(event, SpeechEnded):
            notes.decided[event.utterance] = event.at
        elif isinstance(event, Final) and event.end > event.start:
            notes.told[event.utterance] = time.monotonic()
            notes.words += event.text.split()
