"""What callers do: audio in some format, and at fixed places in it flushes, new options, asides.

The same seed and clips give the same scripts; nothing in them depends on the clock.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TypeAlias

import numpy as np
import soxr

from callscribe.client.options import Changes, Options
from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16
from tests.integration.protocols.bad import BAD
from tests.integration.protocols.clients import CLIENTS, Message
from tests.turn_invariants import TURN_BREACHES

_MESSAGE_S = (0.02, 0.2)
_PAUSE_S = (0.3, 2.5)
_WIDTH = {"pcm16": 2, "mulaw": 1}
_APART_S = 0.5
"""Between two flushes, and before the first: Realtime refuses to commit less than 0.1 s."""
_MOST_EARLY = 3
"""Messages of audio before the opening."""
_APART = frozenset({"twilio"})
"""Protocols whose messages have audio of one channel."""
_TAIL_S = 1.5
"""Silence after which every utterance has ended by itself."""
NATIVE = "native"


@dataclass(frozen=True, slots=True)
class Say:
    """Audio, after which the call is `until` seconds old."""

    data: bytes
    until: float


@dataclass(frozen=True, slots=True)
class Flush:
    """End the open utterances here, in one of the ways of the caller's protocol.

    `odd` is a part of a frame before it, which nobody uses.
    """

    odd: bytes = b""
    way: int = 0


@dataclass(frozen=True, slots=True)
class Configure:
    """Go on with other options."""

    changes: Changes


@dataclass(frozen=True, slots=True)
class Introduce:
    """Say what opens the call; `strange`: this instead, and everything in the query."""

    strange: Message | None = None


@dataclass(frozen=True, slots=True)
class Aside:
    """Say something that changes nothing, be it inside of a frame."""

    message: Message


Step: TypeAlias = Say | Flush | Configure | Introduce | Aside


@dataclass(frozen=True, slots=True)
class Script:
    """One caller's call: its options and what is done in it; it ends with finalize."""

    name: str
    options: Options
    steps: tuple[Step, ...]
    protocol: str = NATIVE
    """The protocol that the caller speaks; only the native one has new options, and only the others
    have introductions and asides."""

    @property
    def plain(self) -> "Script":
        """The same without the bytes that nobody uses."""
        steps = (replace(each, odd=b"") if isinstance(each, Flush) else each for each in self.steps)
        return replace(self, steps=tuple(steps))

    @property
    def strange(self) -> Message | None:
        """What it says instead of the usual opening."""
        said = (step.strange for step in self.steps if isinstance(step, Introduce))
        return next(said, None)

    @property
    def seconds(self) -> float:
        """How long it takes to say it."""
        return max(step.until for step in self.steps if isinstance(step, Say))

    @property
    def turns(self) -> bool:
        """Whether its words decide where an utterance ends: when they come matters then."""
        return self.options.endpointing == "turn"

    @property
    def partials(self) -> bool:
        """Whether it has partials from its beginning to its end."""
        return False not in self._interim

    @property
    def shown(self) -> bool:
        """Whether it has partials at any time."""
        return {*self._interim} != {False}

    @property
    def _interim(self) -> list[bool | None]:
        """What it says of partials, at its beginning and later; None is the usual."""
        changes = [step.changes for step in self.steps if isinstance(step, Configure)]
        later = [c["interim_results"] for c in changes if "interim_results" in c]
        return [self.options.interim_results, *later]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A way to call; `splits`: messages end inside a sample.

    `changes`: what its controls may change; without any it has no controls.
    """

    name: str
    options: Options
    changes: tuple[Changes, ...] = ()
    splits: bool = False
    protocol: str = NATIVE


_CHANGES: tuple[Changes, ...] = (
    {"silence_threshold": 0.4},
    {"max_utterance": 4.0},
    {"min_speech_duration": 0.1, "silence_threshold": 0.6},
    {"vad_threshold": 0.6},
    {"words": True},
    {"words": False, "interim_results": True},
    {"interim_results": False},
)
_KINDS = (
    _Kind("wideband", Options()),
    _Kind("telephone", Options(encoding="mulaw", sample_rate=8_000)),
    _Kind("stereo", Options(channels=2), splits=True),
    _Kind("controls", Options(), changes=_CHANGES, splits=True),
    _Kind("finals", Options(encoding="mulaw", sample_rate=8_000, interim_results=False)),
    _Kind(
        "telephones",
        Options(encoding="mulaw", sample_rate=8_000, channels=2),
        changes=_CHANGES,
    ),
    _Kind("studio", Options(sample_rate=44_100), changes=_CHANGES),
)
_DENOISED = _Kind(
    "denoised", Options(denoise=True), changes=({"denoise": False}, {"denoise": True})
)


# With partials, words may stay that were stable while a clause was longer: that is up to the pace.
# A sound too short for an utterance of its own is heard only where a pause before it ended none.
_TURNS = _Kind(
    "turns", Options(endpointing="turn", interim_results=False, min_speech_duration=0.01)
)


def scripts(
    seed: int,
    count: int,
    clips: Sequence[FloatArray],
    *,
    seconds: tuple[float, float] = (20.0, 60.0),
    denoise: bool = False,
    turns: bool = False,
) -> list[Script]:
    """Return `count` different scripts of so many seconds.

    With `denoise` the last one uses it; with `turns` the first one's words end its utterances.
    """
    kinds = [_KINDS[number % len(_KINDS)] for number in range(count)]
    if turns:
        kinds[0] = _TURNS
    if denoise:
        kinds[-1] = _DENOISED
    return [
        _script(f"{number}-{kind.name}", kind, random.Random(f"{seed} {number}"), clips, seconds)
        for number, kind in enumerate(kinds)
    ]


def others(
    seed: int, clips: Sequence[FloatArray], *, seconds: tuple[float, float] = (20.0, 60.0)
) -> list[Script]:
    """Return a script for each protocol but the native one, and number of channels that it carries.

    Messages end inside a frame, except where each channel has messages of its own.
    """
    made = []
    for name in sorted(CLIENTS.keys() - {NATIVE}):
        for channels in sorted({sound.channels for sound in CLIENTS[name].formats}):
            dice = random.Random(f"{seed} {name} {channels}")
            formats = [each for each in CLIENTS[name].formats if each.channels == channels]
            sound = dice.choice(formats)
            options = Options(
                encoding=sound.encoding,
                sample_rate=sound.sample_rate,
                channels=channels,
                endpointing="turn" if name in TURN_BREACHES else None,
            )
            kind = _Kind(name, options, splits=name not in _APART, protocol=name)
            made.append(_script(f"{name}-{channels}", kind, dice, clips, seconds))
    return made


def _script(
    name: str,
    kind: _Kind,
    dice: random.Random,
    clips: Sequence[FloatArray],
    seconds: tuple[float, float],
) -> Script:
    wanted = dice.uniform(*seconds)
    channels = [_talk(dice, clips, wanted) for _ in range(kind.options.channels)]
    # Half of the calls end in the middle of a sentence.
    tail = dice.choice((0.0, 1.2)) if kind.protocol == NATIVE else _TAIL_S
    shortest = min(len(channel) for channel in channels)
    quiet = np.zeros(round(tail * SAMPLE_RATE), np.float32)
    joined = np.stack([np.concatenate([each[:shortest], quiet]) for each in channels], axis=1)
    data = encoded(joined, kind.options)
    steps = list(_cut(data, kind, dice))
    if kind.changes:
        _control(steps, kind, dice)
    if kind.protocol != NATIVE:
        _interrupt(steps, kind, dice)
    options = replace(kind.options, events=("gap", "audio_ack", "lag"))
    return Script(name, options, tuple(steps), kind.protocol)


def _talk(dice: random.Random, clips: Sequence[FloatArray], wanted: float) -> FloatArray:
    """Join clips and pauses to `wanted` seconds."""
    samples = round(wanted * SAMPLE_RATE)
    parts: list[FloatArray] = []
    while sum(len(part) for part in parts) < samples:
        pause = round(dice.uniform(*_PAUSE_S) * SAMPLE_RATE)
        parts += [np.zeros(pause, np.float32), dice.choice(clips)]
    return np.concatenate(parts)[:samples]


def encoded(audio: FloatArray, options: Options) -> bytes:
    """Encode float32 [n, channels] at 16 kHz as the options say."""
    if options.sample_rate != SAMPLE_RATE:
        audio = np.asarray(soxr.resample(audio, SAMPLE_RATE, options.sample_rate), np.float32)
    pcm = float_to_pcm16(np.ascontiguousarray(audio).reshape(-1))
    return pcm if options.encoding == "pcm16" else _mulaw(np.frombuffer(pcm, "<i2"))


def _mulaw(pcm: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> bytes:
    """Encode PCM16 as ITU-T G.711 mu-law: sign, 3 bits of exponent, 4 of mantissa, inverted."""
    magnitude = np.minimum(np.abs(pcm.astype(np.int32)), 32_635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(pcm < 0, 0x80, 0)
    code = ~(sign | (exponent << 4) | mantissa) & 0xFF
    return bytes(code.astype(np.uint8))


def _frame(options: Options) -> int:
    """Return the bytes of a sample of every channel."""
    return _WIDTH[options.encoding] * options.channels


def _cut(data: bytes, kind: _Kind, dice: random.Random) -> list[Step]:
    frame = _frame(kind.options)
    per_second = frame * kind.options.sample_rate
    steps: list[Step] = []
    at = 0
    while at < len(data):
        size = round(dice.uniform(*_MESSAGE_S) * per_second)
        if not kind.splits:
            size -= size % frame
        until = min(at + size, len(data))
        steps.append(Say(data[at:until], until / per_second))
        at = until
    return steps


def _control(steps: list[Step], kind: _Kind, dice: random.Random) -> None:
    """Put flushes and new options between the messages, where a frame ends."""
    for _ in range(dice.randint(2, 4)):
        control: Step = Configure(dice.choice(kind.changes))
        if dice.random() < 1 / 2:
            control = Flush(_odd(kind, dice))
        steps.insert(dice.choice(_whole(steps, kind)), control)


def _interrupt(steps: list[Step], kind: _Kind, dice: random.Random) -> None:
    """Put flushes where a frame ends, and asides and the opening between any messages."""
    client = CLIENTS[kind.protocol]
    flushed = [0.0]
    for _ in range(dice.randint(2, 4) if client.flushes else 0):
        apart = [
            at
            for at in _whole(steps, kind)
            if all(abs(_until(steps, at) - each) > _APART_S for each in flushed)
        ]
        place = dice.choice(apart)
        flushed.append(_until(steps, place))
        flush = Flush(_odd(kind, dice), dice.randrange(len(client.flushes)))
        steps.insert(place, flush)
    early = dice.randint(1, _MOST_EARLY) if client.early else 0
    asides = [*client.asides, *BAD[kind.protocol].harmless]
    for _ in range(dice.randint(3, 6) if asides else 0):
        steps.insert(dice.randint(early + 1, len(steps)), Aside(dice.choice(asides)))
    strange = dice.choice((None, *client.strange))
    steps.insert(early, Introduce(strange))


def _odd(kind: _Kind, dice: random.Random) -> bytes:
    """Return a part of a frame, or nothing."""
    size = _frame(kind.options)
    return dice.randbytes(dice.randrange(size)) if kind.splits else b""


def _whole(steps: Sequence[Step], kind: _Kind) -> list[int]:
    """Return the places between messages where a frame ends."""
    sizes = (len(step.data) if isinstance(step, Say) else 0 for step in steps)
    frame = _frame(kind.options)
    return [at for at, sent in enumerate(accumulate(sizes), 1) if not sent % frame][:-1]


def _until(steps: Sequence[Step], place: int) -> float:
    """Return how old the call is before a step."""
    said = (step.until for step in steps[:place] if isinstance(step, Say))
    return max(said, default=0.0)
