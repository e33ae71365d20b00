"""The calls of a run: what they say, over which protocol, and what they want hidden."""

import itertools
import random
from dataclasses import dataclass, field, replace
from typing import NamedTuple, get_args

import numpy as np

from callscribe.client.options import Options, Redacted
from common.audio import SAMPLE_RATE
from tests.chaos.scripts import encoded
from tests.integration.protocols.clients import CLIENTS
from tests.leaks.planted import HIDING, Conversation, Turn, conversation
from tests.leaks.recogniser import BREAKS, FAILS
from tests.leaks.tones import length, spoken

NATIVE = "native"
EVERYTHING: tuple[Redacted, ...] = get_args(Redacted)
SILENCE_S = 0.4
"""Seconds that end an utterance."""
_PAUSE = round(0.6 * SAMPLE_RATE)
_KEYWORDS = ("card", "seven", "security code", "four five")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What to run. `open`: every so many calls one hides nothing."""

    calls: int
    faults: int
    seed: int = 7
    only: tuple[str, ...] = ()
    """The kinds of fault, or their targets; all if empty."""
    together: int = 10
    every: float = 1.5
    open: int = 10
    pace: float = 2.0


@dataclass(slots=True)
class Planted:
    """A call and what is said in it; `hides`: what it asked to be hidden."""

    number: int
    said: Conversation
    hides: bool
    protocol: str
    options: Options
    session: str = ""
    """What its client calls it."""
    told: list[str] = field(default_factory=list)
    """What its client was told."""
    failure: str = ""


def planted(setup: Setup) -> list[Planted]:
    """Return the calls of a run: the protocols, formats and kinds of masks in turns.

    Of four, one asks to hide no kind but those that it tells; of eight, one tells a single kind. So
    no mask of another kind covers what its own kind misses.
    """
    others = itertools.cycle(sorted(CLIENTS.keys() - {NATIVE}))
    alone = itertools.cycle(HIDING)
    calls = []
    for number in range(setup.calls):
        protocol = NATIVE if number % 2 == 0 else next(others)
        sound = CLIENTS[protocol].formats[number // 2 % len(CLIENTS[protocol].formats)]
        hides = number % setup.open != setup.open - 2
        only = next(alone) if hides and number % 8 == 4 else None
        said = conversation(number, setup.seed, legs=sound.channels, open=not hides, only=only)
        dice = random.Random(f"leaks {setup.seed} {number}")
        options = Options(
            encoding=sound.encoding,
            sample_rate=sound.sample_rate,
            channels=sound.channels,
            language="en",
            silence_threshold=SILENCE_S,
            words=dice.random() < 0.7,
            keywords=(_KEYWORDS[number % len(_KEYWORDS)],),
            numbers=dice.choice(("engine", "digits", "grouped", "spoken")),
            events=("keyword", "dtmf", "speech_started", "speech_ended"),
        )
        kinds = said.kinds if number % 4 == 0 else EVERYTHING
        calls.append(
            Planted(
                number, said, hides, protocol, replace(options, redact=kinds if hides else None)
            )
        )
    return calls


class Lines:
    """The lines of all calls, each with a number of its own."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Return the number of a line."""
        if text not in self._numbers:
            self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return self._numbers[text]


class Said(NamedTuple):
    """A line that is said on a channel of a call, from the sample `start` at 16 kHz on."""

    start: int
    channel: int
    text: str


def script(call: Planted, setup: Setup) -> list[Said]:
    """Return what is said in a call, and where."""
    turns = list(call.said.turns)
    if call.number % 4 == 0 or not call.hides:  # it is heard, but its text does not come
        turns.append(Turn(0, f"{FAILS} {turns[-2].text}"))
    if call.number in (0, setup.open - 2):  # few: the circuit breaker would hold others back
        turns.append(Turn(0, f"{BREAKS} {call.said.turns[-2].text}"))
    lines, at = [], _PAUSE // 2
    for turn in turns:
        lines.append(Said(at, min(turn.channel, call.options.channels - 1), turn.text))
        at += length(len(turn.text.split())) + _PAUSE
    return lines


def sound(call: Planted, lines: Lines, setup: Setup) -> bytes:
    """Return the sound of a call, in its format."""
    said = script(call, setup)
    end = said[-1].start + length(len(said[-1].text.split())) + _PAUSE
    audio = np.zeros((end, call.options.channels), np.float32)
    for start, channel, text in said:
        voice = spoken(lines.number(text), len(text.split()))
        audio[start : start + len(voice), channel] = voice
    return encoded(audio, call.options)
