"""When to decode one utterance, and what of the results to publish.

Feed it events (`audio`, `paused`, `resumed`, `ended`, `decoded`, `failed`), then carry out the
actions of `due()` in order. Positions are 16 kHz samples since the session began; there is no other
time. Events may be fed in bulk before one `due()`: an utterance that is repeated after a crash
costs one decode, not all of its earlier ones.

`TRANSITIONS` has the states and what moves between them; anything else raises Misuse. `audio`,
`decoded` and `failed` are allowed in every state. At most one decode is in flight:
- OPEN: a partial whenever there is enough new audio; audio that arrives meanwhile waits.
- PAUSED: the whole utterance once, tentatively; a partial in flight is cancelled for it. If speech
  resumes, it becomes a partial, so that short pauses cannot starve the partials; without partials
  it is cancelled.
- CLOSING: the tentative result if it has the same end, else a final decode of the whole utterance.
  The final is published once its decode is done; nothing follows it.
If a decode for an end fails, it is repeated once as a final; then the final is marked failed.
"""

from dataclasses import dataclass
from enum import Enum, auto

from asr_worker.api import Hypothesis, Priority
from asr_worker.stabilizer import StabilizedText, Stabilizer
from common.audio import SAMPLE_RATE
from common.errors import Misuse
from common.pipeline.text import EndReason

_ATTEMPTS = 2
_EAGER = 6
"""Partials requested at the fast cadence. An utterance without words by then is noise, and would
otherwise take places from other partials as long as it lasts."""


class State(Enum):
    """The state of an utterance."""

    OPEN = auto()
    PAUSED = auto()
    CLOSING = auto()
    DONE = auto()


TRANSITIONS: dict[tuple[State, str], State] = {
    (State.OPEN, "paused"): State.PAUSED,
    (State.OPEN, "ended"): State.CLOSING,
    (State.PAUSED, "resumed"): State.OPEN,
    (State.PAUSED, "ended"): State.CLOSING,
    (State.CLOSING, "published"): State.DONE,
}


class Kind(Enum):
    """The purpose of a decode."""

    PARTIAL = auto()
    TENTATIVE = auto()
    FINAL = auto()


@dataclass(frozen=True, slots=True)
class Decode:
    """Decode the samples [start, end); answer with `decoded(token, …)` or `failed(token)`.

    `previous` is the last hypothesis, of less audio.
    """

    token: int
    start: int
    end: int
    priority: Priority
    kind: Kind
    previous: Hypothesis | None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Abandon the decode `token`; its answer, if it still comes, is ignored."""

    token: int


@dataclass(frozen=True, slots=True)
class PublishPartial:
    """Show `text`; its first `stable` characters will not change before the final.

    It covers the samples up to `end`.
    """

    text: str
    stable: int
    language: str | None
    end: int


@dataclass(frozen=True, slots=True)
class PublishFinal:
    """Publish the final of the utterance [start, end).

    With `failed`, `hypothesis` is an earlier one, of less audio; it may be empty. Otherwise `token`
    is the decode that gave it, None where there was nothing to decode.
    """

    start: int
    end: int
    reason: EndReason
    hypothesis: Hypothesis
    failed: bool
    token: int | None = None


Action = Decode | Cancel | PublishPartial | PublishFinal


class UtteranceScheduler:
    """The schedule of one utterance that starts at position `start`.

    In samples of audio: `first` until the first partial, `cadence` between partials. The first few
    partials come at a fifth of the cadence, until one has text.
    `interim` False: no partials, only tentative and final decodes.
    """

    def __init__(
        self,
        start: int,
        *,
        interim: bool = True,
        cadence: int = SAMPLE_RATE // 2,
        first: int = 3 * SAMPLE_RATE // 10,
    ) -> None:
        self._start = start
        self._interim = interim
        self._cadence = cadence
        self._first = first
        self._state = State.OPEN
        self._available = start
        self._end: int | None = None
        """The end of speech, as far as known: set while PAUSED, CLOSING and DONE."""
        self._reason: EndReason = "silence"
        self._in_flight: Decode | None = None
        self._tokens = 0
        self._covered = start
        """End of the last attempted partial."""
        self._took = 0
        self._last: Hypothesis | None = None
        self._result: Hypothesis | None = None
        """Hypothesis of [start, _end)."""
        self._result_of: int | None = None
        """The decode that gave it."""
        self._failures = 0
        """Failed decodes of [start, _end)."""
        self._stabilizer = Stabilizer()
        self._shown = StabilizedText("", 0)
        self._publications: list[Action] = []

    @property
    def done(self) -> bool:
        """Whether `due()` has returned the final."""
        return self._state is State.DONE

    @property
    def awaited(self) -> bool:
        """Whether the utterance has ended and `due()` has not returned its final yet."""
        return self._state is State.CLOSING

    @property
    def whole(self) -> tuple[int, Hypothesis] | None:
        """The end of speech, as far as known, and the hypothesis of the whole; None without one."""
        if self._end is None or self._result is None:
            return None
        return self._end, self._result

    def audio(self, position: int) -> None:
        """Note that all audio of the leg before `position` can be read now."""
        self._available = max(self._available, position)

    def paused(self, end: int) -> None:
        """Note that speech seems to have ended at `end`; it may resume."""
        self._move("paused")
        self._aim(end)

    def resumed(self) -> None:
        """Note that speech goes on after the pause."""
        self._move("resumed")
        self._aim(None)

    def ended(self, end: int, reason: EndReason) -> None:
        """Note that the utterance is definitely [start, end); the final gets `reason`."""
        self._move("ended")
        self._reason = reason
        if end != self._end:
            self._aim(end)

    def decoded(self, token: int, hypothesis: Hypothesis, took: int = 0) -> None:
        """Note that decode `token` gave `hypothesis`, in the time of `took` samples.

        The answer of a cancelled decode is ignored.
        """
        decode = self._settle(token)
        if decode is None:
            return
        self._took = took
        self._last = hypothesis
        if decode.kind is not Kind.PARTIAL and decode.end == self._end:
            self._result, self._result_of = hypothesis, token
        if self._interim and self._state in (State.OPEN, State.PAUSED):
            self._show(hypothesis, decode.end)

    def failed(self, token: int, *, again: bool = True) -> None:
        """Note that decode `token` failed; `again` False: another attempt would fail too.

        A failed or dropped partial is not repeated: the next one has more audio.
        """
        decode = self._settle(token)
        if decode is not None and decode.kind is not Kind.PARTIAL and decode.end == self._end:
            self._failures += 1 if again else _ATTEMPTS

    def due(self, load: float = 1.0) -> list[Action]:
        """Return what to do now, in order; each action is returned once.

        `load` >= 1 stretches the cadence of partials.
        """
        actions, self._publications = self._publications, []
        if self._superseded():
            assert self._in_flight is not None
            actions.append(Cancel(self._in_flight.token))
            self._in_flight = None
        if self._state is State.CLOSING and (final := self._final()) is not None:
            self._move("published")
            actions.append(final)
        elif self._in_flight is None and (decode := self._next(load)) is not None:
            self._in_flight = decode
            self._tokens += 1
            actions.append(decode)
        return actions

    def _move(self, event: str) -> None:
        try:
            self._state = TRANSITIONS[self._state, event]
        except KeyError:
            raise Misuse(f"{event}: the utterance at {self._start} is {self._state.name}") from None

    def _aim(self, end: int | None) -> None:
        """Make [start, end) the wanted decode, and drop results for another end."""
        self._end = end
        self._result = None
        self._failures = 0

    def _settle(self, token: int) -> Decode | None:
        """Return the decode in flight and clear it; None if it was cancelled before."""
        if not 0 <= token < self._tokens:
            raise Misuse(f"token {token} is unknown")
        decode = self._in_flight
        if decode is None or decode.token != token:
            return None
        self._in_flight = None
        return decode

    def _show(self, hypothesis: Hypothesis, end: int) -> None:
        """Publish a partial unless its text is shown already."""
        partial = self._stabilizer.update(hypothesis.text, hypothesis.complete)
        if partial != self._shown:
            self._shown = partial
            self._publications.append(
                PublishPartial(partial.text, partial.stable, hypothesis.language, end)
            )

    def _superseded(self) -> bool:
        """Whether the decode in flight blocks the wanted one."""
        decode = self._in_flight
        if decode is None:
            return False
        if self._end is None:
            return decode.kind is Kind.TENTATIVE and not self._interim
        return decode.kind is Kind.PARTIAL or decode.end != self._end

    def _final(self) -> PublishFinal | None:
        assert self._end is not None
        last = self._last or Hypothesis("")
        token = None
        if self._result is not None:
            hypothesis, failed, token = self._result, False, self._result_of
        elif self._end <= self._start:
            hypothesis, failed = Hypothesis(""), False
        elif self._failures >= _ATTEMPTS:
            hypothesis, failed = last, True
        else:
            return None
        return PublishFinal(self._start, self._end, self._reason, hypothesis, failed, token)

    def _next(self, load: float) -> Decode | None:
        """Return the decode that is due now, given that none is in flight."""
        if self._state is State.DONE:
            return None
        if self._end is not None:
            if self._result is not None or self._failures_spent():
                return None
            if not self._start < self._end <= self._available:
                return None
            kind = Kind.FINAL if self._state is State.CLOSING else Kind.TENTATIVE
            self._covered = max(self._covered, self._end)
            return self._decode(self._end, Priority.FINAL, kind)
        if not self._interim:
            return None
        # Callers wait for the first words: until there are any, decode more often and ahead of
        # others, unless there seem to be none.
        eager = not self._shown.text and self._tokens < _EAGER
        cadence = self._cadence // 5 if eager else self._cadence
        interval = max(round(cadence * load), self._took) if self._tokens else self._first
        if self._available - self._covered < interval:
            return None
        self._covered = self._available
        priority = Priority.FIRST_PARTIAL if eager else Priority.REFRESH
        return self._decode(self._available, priority, Kind.PARTIAL)

    def _failures_spent(self) -> bool:
        """Whether no attempt is left; the second attempt is kept for the final."""
        return self._failures >= (_ATTEMPTS if self._state is State.CLOSING else 1)

    def _decode(self, end: int, priority: Priority, kind: Kind) -> Decode:
        return Decode(self._tokens, self._start, end, priority, kind, self._last)
