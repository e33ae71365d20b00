"""Where utterances start, pause and end, from one speech probability per frame.

Time is audio. `push` takes frames of 512 samples (32 ms at 16 kHz) in order, and counts them to
know its position; `skip` moves over audio that never came. `TRANSITIONS` has the states and what
moves between them; anything else raises Misuse. `push`, `skip`, `hint`, `flush`, `finish` and
`configure` are allowed in every state.

- IDLE: nothing is open.
- CANDIDATE: speech was heard, but less than `min_speech`; it is not announced. A silence as long as
  a pause drops it.
- SPEECH: an utterance is open and announced.
- PAUSED: it was silent for `pause`; a tentative end was announced, so that the utterance can be
  decoded while the silence may still grow to `silence`, or to what a hint about this pause says.
  Exactly one of resumed and ended follows.

A frame is speech or silence by the hysteresis of Silero's `get_speech_timestamps` (silero-vad 6,
utils_vad.py): after silence, speech from `threshold` on; after speech, silence below `threshold` -
0.15, at least 0.01. Silence counts consecutively; one frame of speech resets it.

An utterance that reaches `max_utterance` is cut at the quietest frame of its last third. Only that
frame is remembered: the rest after it is shorter than a third and starts its own search later.
"""

import math
from dataclasses import dataclass, fields
from enum import Enum
from operator import attrgetter
from typing import Literal, Self, TypeAlias

from common.errors import Misuse
from common.pipeline.control import Hint
from common.pipeline.speech import (
    LEAD,
    TAIL,
    Ended,
    Flushed,
    Likely,
    Paused,
    Reason,
    Resumed,
    Started,
    UtteranceEvent,
)
from vad_worker.framing import FRAME


class State(Enum):
    """The state of a leg."""

    IDLE = "idle"
    CANDIDATE = "candidate"
    SPEECH = "speech"
    PAUSED = "paused"


class Trigger(Enum):
    """What moves a leg from one state to the next."""

    ONSET = "first frame of speech"
    ENOUGH = "min_speech heard, or flushed with 2 frames of speech"
    PAUSE = "silent for pause"
    RESUME = "speech again"
    CUT = "max_utterance reached with speech after the cut"
    END = "silence, flush, finish, gap, or max_utterance with nothing after it"


TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (State.IDLE, Trigger.ONSET): State.CANDIDATE,
    (State.CANDIDATE, Trigger.ENOUGH): State.SPEECH,
    (State.CANDIDATE, Trigger.PAUSE): State.IDLE,
    (State.SPEECH, Trigger.PAUSE): State.PAUSED,
    (State.SPEECH, Trigger.CUT): State.SPEECH,
    (State.SPEECH, Trigger.END): State.IDLE,
    (State.PAUSED, Trigger.RESUME): State.SPEECH,
    (State.PAUSED, Trigger.END): State.IDLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointerParams:
    """How a leg is cut into utterances. Durations in samples at 16 kHz; impossible ones: Misuse."""

    threshold: float = 0.5
    """Probability from which a frame is speech."""
    silence: int = 12_800
    """Silence that ends an utterance."""
    min_speech: int = 3_200
    """Speech that makes an utterance, in frames of speech whose pauses are shorter than `pause`."""
    max_utterance: int = 480_000
    """Longest utterance, pre-roll included; applies to utterances that start later."""
    pause: int = 3_200
    """Silence after which an end is announced tentatively, at most half of `silence`."""
    pre_roll: int = LEAD
    """Audio before the first frame of speech that belongs to the utterance."""
    post_roll: int = TAIL
    """Audio after the last frame of speech that belongs to the utterance."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise Misuse(f"threshold {self.threshold} is no probability")
        if min(self.silence, self.min_speech, self.pause, self.pre_roll, self.post_roll) < 0:
            raise Misuse(f"a duration is negative: {self}")
        # The pre-roll ends and the search for a cut spans two whole frames before the cap does.
        least = max(6 * FRAME, 2 * self.pre_roll + 2 * FRAME)
        if self.max_utterance < least:
            raise Misuse(f"max_utterance {self.max_utterance} is less than {least} samples")


@dataclass(slots=True)
class Memory:
    """All that an endpointer remembers; a snapshot of it is enough to continue."""

    heard: int  # end of the last frame or gap
    now: int  # position of the last call; past `heard` only by a flush within a frame
    floor: int  # no utterance starts before: end of the last one, or of the last gap
    state: State = State.IDLE
    number: int = 0
    # About the open utterance or candidate:
    start: int = 0
    limit: int = 0  # `max_utterance` when it started
    voiced: int = 0  # samples of speech
    voiced_end: int = 0  # end of the last frame of speech
    peak: float = 0.0  # highest probability since the start, or since the cut once there is one
    announced: int = 0  # end according to the last pause
    hinted: int = 0  # silence that ends that pause; 0: what the parameters say
    cut: int = -1  # middle of the quietest frame of the last third before the cap; -1: none yet
    cut_level: int = 0
    cut_probability: float = 0.0
    pending: Hint | None = None  # of that pause, until it is told to be likely the end
    told: int = -1  # end of the last pause that was


Decision: TypeAlias = UtteranceEvent | Likely
_EVERYTHING = attrgetter(*(each.name for each in fields(Memory)))


@dataclass(frozen=True, slots=True)
class EndpointerState:
    """What an endpointer needs to continue, parameters included."""

    params: EndpointerParams
    memory: Memory


class Endpointer:
    """The endpoints of one leg whose first frame starts at `position`.

    Every call returns its decisions in order. The same calls give the same events, whether or not
    a snapshot was taken and restored between any two of them. Positions that run backwards or
    leave frames out raise Misuse.
    """

    def __init__(self, params: EndpointerParams, position: int = 0) -> None:
        self._params = params
        self._m = Memory(heard=position, now=position, floor=position)

    @property
    def utterances(self) -> int:
        """Number of the last utterance; 0 before the first."""
        return self._m.number

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open, a pause within it included."""
        return self._m.state in (State.SPEECH, State.PAUSED)

    @property
    def keep_from(self) -> int:
        """First position that the open utterance or any later one may contain.

        A snapshot taken now is usable only while the audio from here on is kept.
        """
        if self._m.state is not State.IDLE:
            return self._m.start
        return max(self._m.floor, self._m.heard - self._params.pre_roll)

    def push(self, probability: float, energy: float) -> tuple[Decision, ...]:
        """Take the next frame: its speech probability 0..1 and the mean square of its samples."""
        m = self._m
        threshold = self._params.threshold
        if m.state is State.IDLE and 0.0 <= probability < threshold:
            m.heard = m.now = m.heard + FRAME
            return ()
        if m.state is State.SPEECH and threshold <= probability <= 1.0 and self._early():
            m.heard = m.now = m.voiced_end = m.heard + FRAME
            m.voiced += FRAME
            m.peak = max(m.peak, probability)
            return ()
        if not 0.0 <= probability <= 1.0:
            raise Misuse(f"{probability} is no probability")
        events: list[Decision] = []
        speech = probability >= self._speech_from()
        m.heard = m.now = m.heard + FRAME
        if speech:
            self._voice(probability, events)
        else:
            self._wait(m.heard, events)
        if m.state is State.CANDIDATE and self._enough():
            self._begin(events)
        if m.state is not State.IDLE:
            self._seek_cut(probability, energy)
        if m.state is State.SPEECH and self._full():
            self._cut(events)
        return tuple(events)

    def skip(self, start: int, end: int) -> tuple[Decision, ...]:
        """Pass over the samples [start, end), which never came; the next frame starts at `end`.

        `start` may lie within a frame, whose beginning still belongs to the open utterance. The gap
        counts as silence. If it reaches an end or a cap, it is the reason for it.
        """
        m = self._m
        self._advance(start)
        if end <= start:
            raise Misuse(f"a gap from {start} to {end}")
        events: list[Decision] = []
        m.heard = m.now = end
        is_open = m.state in (State.SPEECH, State.PAUSED)
        if m.state is State.CANDIDATE and self._full():
            self._move(Trigger.PAUSE)
        elif is_open and (self._silent() >= self._patience() or self._full()):
            self._end(m.announced if m.state is State.PAUSED else start, "gap", events)
        else:
            self._wait(start, events)
        m.floor = end
        return tuple(events)

    def hint(self, position: int, hint: Hint) -> tuple[Decision, ...]:
        """Let a pause be as long as a hint says; one that is over is no matter.

        `position` is less than a frame after the last one.
        """
        m = self._m
        self._advance(position)
        events: list[Decision] = []
        if m.state is State.PAUSED and (m.number, m.announced) == (hint.utterance, hint.end):
            m.hinted = hint.silence
            m.pending = hint if hint.eager and m.told != m.announced else None
            self._weigh(events)
        return tuple(events)

    def flush(self, position: int) -> tuple[Decision, ...]:
        """End what is open at `position`, less than a frame after the last one; always answers.

        A candidate with 2 frames of speech becomes an utterance. After a pause the utterance ends
        where the pause announced, so that its tentative decode is the final; otherwise at
        `position`.
        """
        return self._flush(position, "flush")

    def finish(self, position: int) -> tuple[Decision, ...]:
        """Flush because the leg's audio has ended."""
        return self._flush(position, "finish")

    def configure(self, params: EndpointerParams) -> None:
        """Use `params` from the next frame on; an open utterance keeps its `max_utterance`."""
        self._params = params

    def snapshot(self) -> EndpointerState:
        """Return everything `restore` needs; it never changes."""
        return EndpointerState(self._params, Memory(*_EVERYTHING(self._m)))

    @classmethod
    def restore(cls, state: EndpointerState) -> Self:
        """Continue from a `snapshot()`."""
        endpointer = cls(state.params)
        endpointer._m = Memory(*_EVERYTHING(state.memory))
        return endpointer

    def _move(self, trigger: Trigger) -> None:
        state = TRANSITIONS.get((self._m.state, trigger))
        if state is None:
            raise Misuse(f"{trigger.name} while {self._m.state.name}")
        self._m.state = state

    def _advance(self, position: int) -> None:
        m = self._m
        if not m.now <= position < m.heard + FRAME:
            raise Misuse(f"position {position} is outside [{m.now}, {m.heard + FRAME})")
        m.now = position

    def _speech_from(self) -> float:
        if self._m.state is not State.IDLE and self._silent() == 0:
            return min(self._params.threshold, max(self._params.threshold - 0.15, 0.01))
        return self._params.threshold

    def _enough(self) -> bool:
        # A candidate long enough to reach the search for a cut is an utterance of few words.
        m = self._m
        return m.voiced >= self._params.min_speech or 3 * (m.heard - m.start) >= 2 * m.limit

    def _early(self) -> bool:
        """Whether the next frame comes before the search for a cut."""
        return 3 * (self._m.heard - self._m.start) < 2 * self._m.limit

    def _silent(self) -> int:
        return self._m.heard - self._m.voiced_end

    def _patience(self) -> int:
        """Return the silence that ends the open utterance."""
        hinted = self._m.hinted if self._m.state is State.PAUSED else 0
        return hinted or self._params.silence

    def _full(self) -> bool:
        # A frame early: a flush may still add the beginning of the next one.
        return self._m.heard - self._m.start > self._m.limit - FRAME

    def _voice(self, probability: float, events: list[Decision]) -> None:
        m = self._m
        if m.state is State.PAUSED:
            if self._full():
                self._end(m.announced, "length", events)
            else:
                self._move(Trigger.RESUME)
                events.append(Resumed(m.number, m.now))
        if m.state is State.IDLE:
            self._move(Trigger.ONSET)
            self._open_at(max(m.floor, m.heard - FRAME - self._params.pre_roll))
            m.voiced, m.peak = 0, 0.0
        m.voiced += FRAME
        m.voiced_end = m.heard
        m.peak = max(m.peak, probability)

    def _wait(self, audible: int, events: list[Decision]) -> None:
        """Count the silence up to `heard`; its audio ends at `audible`."""
        m = self._m
        if m.state is State.CANDIDATE or m.state is State.SPEECH:
            if self._silent() < min(self._params.pause, self._params.silence // 2):
                return
            was_open = m.state is State.SPEECH
            self._move(Trigger.PAUSE)
            m.hinted, m.pending = 0, None
            if was_open:
                m.announced = min(m.voiced_end + self._params.post_roll, audible)
                events.append(Paused(m.number, m.start, m.announced, m.now))
        self._weigh(events)

    def _weigh(self, events: list[Decision]) -> None:
        """End a pause that is long enough, or tell that it is likely the end."""
        m = self._m
        silent = self._silent()
        if m.state is State.PAUSED and silent >= self._patience():
            self._end(m.announced, "silence", events)
        elif m.state is State.PAUSED and (hint := m.pending) and silent >= hint.eager:
            m.pending, m.told = None, m.announced
            spans = (m.number, m.start, m.announced, m.now, silent, hint.silence)
            events.append(Likely(*spans, hint.text, hint.evidence))

    def _open_at(self, start: int) -> None:
        m = self._m
        m.start, m.limit, m.cut = start, self._params.max_utterance, -1

    def _begin(self, events: list[Decision]) -> None:
        m = self._m
        self._move(Trigger.ENOUGH)
        m.number += 1
        events.append(Started(m.number, m.start, m.now, m.peak))

    def _end(self, end: int, reason: Reason, events: list[Decision]) -> None:
        m = self._m
        self._move(Trigger.END)
        m.floor = max(m.floor, end)
        events.append(Ended(m.number, m.start, end, m.now, reason))

    def _seek_cut(self, probability: float, energy: float) -> None:
        m = self._m
        frame = m.heard - FRAME
        if 3 * (frame - m.start) < 2 * m.limit:
            return
        # In steps of 6 dB down to -72 dBFS: among frames about as quiet, the least speech-like.
        # Energy alone would prefer the closure of a plosive to the breath between two words.
        level = math.frexp(max(energy, 2.0**-24))[1] // 2
        if m.cut < 0 or (level, probability) <= (m.cut_level, m.cut_probability):
            m.cut = frame + FRAME // 2
            m.cut_level, m.cut_probability = level, probability
            m.peak = probability

    def _cut(self, events: list[Decision]) -> None:
        m, cut = self._m, self._m.cut
        if m.voiced_end <= cut:
            self._end(cut, "length", events)
            return
        self._move(Trigger.CUT)
        events.append(Ended(m.number, m.start, cut, m.now, "length"))
        self._open_at(cut)
        m.number += 1
        events.append(Started(m.number, cut, m.now, m.peak))

    def _flush(self, position: int, reason: Literal["flush", "finish"]) -> tuple[Decision, ...]:
        m = self._m
        self._advance(position)
        events: list[Decision] = []
        if m.state is State.CANDIDATE and m.voiced >= 2 * FRAME:
            self._begin(events)
        if m.state in (State.SPEECH, State.PAUSED):
            self._end(m.announced if m.state is State.PAUSED else position, reason, events)
        else:
            m.number += 1
            events.append(Flushed(m.number, position))
        return tuple(events)
