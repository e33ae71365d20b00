"""When to decode one utterance, and what of the results to publish.

Feed it events (`audio`, `gone`, `paused`, `resumed`, `ended`, `decoded`, `failed`), then carry out
the actions of `due()` in order. Positions are 16 kHz samples since the session began; there is no
other time. Events may be fed in bulk before one `due()`: an utterance that is repeated after a
crash costs one decode for each of its clauses, not all of its earlier ones.

`TRANSITIONS` has the states and what moves between them; anything else raises Misuse. `audio`,
`gone`, `decoded` and `failed` are allowed in every state. A long utterance is decoded clause by
clause (`asr_worker.clauses`), each once; a text is that of its clauses, joined. At most one
decode is in flight:
- OPEN: a clause that is over, has no text and has not failed; else a partial of the last clause
  whenever there is enough new audio; audio that arrives meanwhile waits.
- PAUSED: the clauses without a text, tentatively; a partial in flight is cancelled for them. If
  speech resumes, the text stays that of a clause; where the clause is too short, the decode becomes
  a partial, so that short pauses cannot starve the partials; without partials it is cancelled.
- CLOSING: the clauses that still have no text. The final is published once all have one; nothing
  follows it.
The final begins with the stable words. Words that were shown are never followed by nothing: where
an engine, with more audio, takes what a clause says for silence, the clause keeps the last words
that a partial had of it.
The decode in flight is as urgent as what it is for now. A clause whose decode fails waits for the
end; partials lack its text. There it is decoded once more; if that fails too, the final is failed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto

from asr_worker.actions import (
    Action,
    Cancel,
    Decode,
    Kind,
    Prioritise,
    PublishFinal,
    PublishPartial,
)
from asr_worker.api import Hypothesis, Priority
from asr_worker.clauses import Clause, Clauses
from asr_worker.joining import joined
from asr_worker.respelling import respelled
from asr_worker.stabilizer import StabilizedText, Stabilizer
from common.audio import SAMPLE_RATE
from common.errors import Misuse
from common.pipeline.partial import PartialText
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


class UtteranceScheduler:
    """The schedule of one utterance that starts at position `start`.

    In samples of audio: `first` until the first partial, `cadence` between partials. The first few
    partials come at a fifth of the cadence, until one has text.
    `interim` False: no partials. `clauses` None: it is never cut. `live`: its audio does not come
    ahead of its events; else clauses before an unknown pause are not decoded early, in vain.
    `tells_pauses`: what was said before a pause is published, whether or not it is new.
    `stable_until`: see `Stabilizer`. `shown`: the last partial of a former owner. `silence`: what
    VAD waits for behind an end of speech.
    """

    def __init__(
        self,
        start: int,
        *,
        interim: bool = True,
        cadence: int = SAMPLE_RATE // 2,
        first: int = 3 * SAMPLE_RATE // 10,
        clauses: Clauses | None = None,
        live: bool = True,
        tells_pauses: bool = False,
        stable_until: int | None = None,
        shown: PartialText | None = None,
        silence: int = 8 * SAMPLE_RATE // 10,
    ) -> None:
        self._start = start
        self._interim = interim
        self._cadence = cadence
        self._first = first
        self._clauses = clauses or Clauses(start)
        self._live = live
        self._tells_pauses = tells_pauses
        self._untold = False  # whether what was said before the pause is still to be published
        self._state = State.OPEN
        self._available = start
        self._gone = False
        self._end: int | None = None
        """The end of speech, as far as known: set while PAUSED, CLOSING and DONE."""
        self._reason: EndReason = "silence"
        self._in_flight: Decode | None = None
        self._urgency = Priority.FINAL
        """That of the decode in flight."""
        self._tokens = 0
        self._covered = start
        """End of the last attempted partial."""
        self._took = 0
        self._last: tuple[int, Hypothesis] | None = None
        """The last hypothesis, and where its audio starts."""
        self._heard = Hypothesis("")
        """The last hypothesis of everything up to some position."""
        self._texts: dict[Clause, tuple[int, Hypothesis]] = {}
        """What clauses say, with the decode that gave it."""
        self._said: dict[int, list[tuple[int, Hypothesis]]] = {}
        """The words that were shown of what begins at a position, with the ends of their audio."""
        self._failures: Counter[Clause] = Counter()
        self._silence = silence
        stable, end = ("", 0) if shown is None else (shown.text[: shown.stable], shown.end)
        self._reach = end
        """How far the audio of what was shown goes; behind the end where VAD came late."""
        self._stabilizer = Stabilizer(stable_until, stable, end)
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
        clauses = self._wanted()
        if not clauses or self._without_text(clauses) is not None:
            return None
        return clauses[-1].end, self._settled(clauses)

    @property
    def rest(self) -> int:
        """Samples of the last clause, as far as known: what an endpoint leaves to decode."""
        last = self._clauses.until(min(self._end or self._available, self._available))[-1]
        return max(0, last.end - last.start)

    def audio(self, position: int) -> None:
        """Note that all audio of the leg before `position` can be read now."""
        self._available = max(self._available, position)

    def gone(self) -> None:
        """Note that none of its audio will come: once it has ended, the final is failed."""
        self._gone = True

    def paused(self, end: int) -> None:
        """Note that speech seems to have ended at `end`; it may resume."""
        self._move("paused")
        self._end = end
        self._untold = self._tells_pauses

    def resumed(self) -> None:
        """Note that speech goes on after the pause."""
        self._move("resumed")
        assert self._end is not None
        self._clauses.resumed(self._end)
        last = self._clauses.until(min(self._end, self._available))[-1]
        if not self._clauses.keeps(last):
            self._texts.pop(last, None)
        self._end = None

    def ended(self, end: int, reason: EndReason) -> None:
        """Note that the utterance is definitely [start, end); the final gets `reason`."""
        self._move("ended")
        self._reason = reason
        self._end = end

    def decoded(self, token: int, hypothesis: Hypothesis, took: int = 0) -> None:
        """Note that decode `token` gave `hypothesis`, in the time of `took` samples.

        The answer of a cancelled decode is ignored.
        """
        decode = self._settle(token)
        if decode is None:
            return
        self._took = took
        if not hypothesis.text:
            hypothesis = self._said_of(decode.start, decode.end, hypothesis)
        self._last = decode.start, hypothesis
        wanted = self._end is not None or self._clauses.keeps(decode.clause)
        if decode.kind is Kind.CLAUSE or (decode.kind is not Kind.PARTIAL and wanted):
            self._texts[decode.clause] = token, hypothesis
        if decode.kind is Kind.CLAUSE:
            return
        self._heard = self._joined(decode.clause.earlier, (decode.start, hypothesis))
        if self._interim and self._state in (State.OPEN, State.PAUSED):
            if hypothesis.text:
                self._said.setdefault(decode.start, []).append((decode.end, hypothesis))
            self._show(self._heard, decode.end)

    def failed(self, token: int, *, again: bool = True) -> None:
        """Note that decode `token` failed; `again` False: another attempt would fail too.

        A failed or dropped partial is not repeated: the next one has more audio.
        """
        decode = self._settle(token)
        if decode is not None and decode.kind is not Kind.PARTIAL:
            self._failures[decode.clause] += 1 if again else _ATTEMPTS

    def due(self, load: float = 1.0) -> list[Action]:
        """Return what to do now, in order; each action is returned once.

        `load` >= 1 stretches the cadence of partials.
        """
        actions, self._publications = self._publications, []
        if (said := self._said_before_pause()) is not None:
            actions = [said]
        if self._superseded():
            assert self._in_flight is not None
            actions.append(Cancel(self._in_flight.token))
            self._in_flight = None
        elif self._in_flight is not None and self._urgency != (urgency := self._due_urgency()):
            self._urgency = urgency
            actions.append(Prioritise(self._in_flight.token, urgency))
        if self._state is State.CLOSING and (final := self._final()) is not None:
            self._move("published")
            actions.append(final)
        elif self._in_flight is None and (decode := self._next(load)) is not None:
            self._in_flight, self._urgency = decode, decode.priority
            self._tokens += 1
            actions.append(decode)
        return actions

    def _move(self, event: str) -> None:
        try:
            self._state = TRANSITIONS[self._state, event]
        except KeyError:
            raise Misuse(f"{event}: the utterance at {self._start} is {self._state.name}") from None

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
        shown = self._stabilizer.update(hypothesis.text, hypothesis.complete, end)
        self._reach = max(self._reach, end)
        if shown != self._shown:
            self._shown = shown
            self._publications.append(
                PublishPartial(shown.text, shown.stable, hypothesis.language, self._reach)
            )

    def _said_before_pause(self) -> PublishPartial | None:
        """Return the text of all that was said before the pause, once; it replaces a partial."""
        if self._state is not State.PAUSED or not self._untold or (whole := self.whole) is None:
            return None
        self._untold = False
        end, hypothesis = whole
        if self._stabilizer.exceeds(end):  # these words stay, and were not said before the pause
            return None
        self._shown = shown = self._stabilizer.shown(hypothesis.text)
        told = (shown.text, shown.stable, hypothesis.language, end)
        return PublishPartial(*told, paused=True, mark=hypothesis.mark)

    def _wanted(self) -> list[Clause]:
        """Return the clauses up to the end of speech; none if that or its audio is not known."""
        if self._end is None or not self._start < self._end <= self._available:
            return []
        return self._clauses.until(self._end)

    def _without_text(self, clauses: Sequence[Clause]) -> Clause | None:
        """Return the first of the clauses that has no text yet."""
        return next((clause for clause in clauses if clause not in self._texts), None)

    def _to_decode(self, clauses: Sequence[Clause]) -> Clause | None:
        """Return the first of the clauses that has no text and may be tried now."""
        # The second attempt is kept for the final.
        attempts = _ATTEMPTS if self._state is State.CLOSING else 1
        return next(
            (c for c in clauses if c not in self._texts and self._failures[c] < attempts), None
        )

    def _joined(self, clauses: Sequence[Clause], *more: tuple[int, Hypothesis]) -> Hypothesis:
        """Join the texts of the clauses; `more` come behind them, from where they start.

        A clause without a text has failed, and is left out.
        """
        texts = [(each.start, self._texts[each][1]) for each in clauses if each in self._texts]
        return joined(
            ((at - self._start) / SAMPLE_RATE, hypothesis) for at, hypothesis in (*texts, *more)
        )

    def _settled(self, clauses: Sequence[Clause]) -> Hypothesis:
        """Return the whole of the clauses, as the final says it: stable words stay."""
        whole = self._joined(clauses)
        return respelled(whole, self._stabilizer.settled(whole.text, clauses[-1].end))

    def _said_of(self, start: int, end: int, otherwise: Hypothesis) -> Hypothesis:
        """Return the last words that were shown of [start, end) and the silence behind it."""
        said = self._said.get(start, [])
        return next((each for at, each in reversed(said) if at <= end + self._silence), otherwise)

    def _superseded(self) -> bool:
        """Whether the decode in flight blocks the wanted one."""
        decode = self._in_flight
        if decode is None:
            return False
        if self._end is None:
            tentative = decode.kind is Kind.TENTATIVE and not self._interim
            return tentative and not self._clauses.keeps(decode.clause)
        return decode.kind is Kind.PARTIAL or decode.clause not in self._wanted()

    def _due_urgency(self) -> Priority:
        """Return how urgent the decode in flight is for what it is for now."""
        assert self._in_flight is not None
        match self._in_flight.kind:
            case Kind.PARTIAL:
                return self._in_flight.priority
            case _ if self._end is not None:
                return Priority.FINAL
            case Kind.TENTATIVE if not self._clauses.keeps(self._in_flight.clause):
                return Priority.REFRESH
        return Priority.CLAUSE

    def _final(self) -> PublishFinal | None:
        assert self._end is not None
        clauses = self._wanted()
        token = None
        if self._end <= self._start:
            hypothesis, failed = Hypothesis(""), False
        elif clauses and self._without_text(clauses) is None:
            hypothesis, failed = self._settled(clauses), False
            token, _ = self._texts[clauses[-1]]
        elif self._gone or any(self._failures[clause] >= _ATTEMPTS for clause in clauses):
            hypothesis, failed = self._heard, True
        else:
            return None
        return PublishFinal(self._start, self._end, self._reason, hypothesis, failed, token)

    def _next(self, load: float) -> Decode | None:
        """Return the decode that is due now, given that none is in flight."""
        if self._state is State.DONE:
            return None
        if self._end is not None:
            return self._next_of_whole(self._wanted())
        clauses = self._clauses.until(self._available)
        clause = self._to_decode(clauses[:-1]) or clauses[-1]
        is_over = clause is not clauses[-1] and (self._live or clause.end <= self._clauses.certain)
        if is_over:
            return self._decode(clause, Priority.CLAUSE, Kind.CLAUSE)
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
        return self._decode(replace(clause, end=self._available), priority, Kind.PARTIAL)

    def _next_of_whole(self, clauses: Sequence[Clause]) -> Decode | None:
        """Return the next decode of an utterance whose end is known or announced."""
        clause = self._to_decode(clauses)
        if clause is None:
            return None
        self._covered = max(self._covered, clause.end)
        kind = Kind.FINAL
        if self._state is State.PAUSED:
            kind = Kind.TENTATIVE if clause is clauses[-1] else Kind.CLAUSE
        return self._decode(clause, Priority.FINAL, kind)

    def _decode(self, clause: Clause, priority: Priority, kind: Kind) -> Decode:
        start, last = self._last or (clause.start, None)
        language = self._joined(clause.earlier).language if clause.before else None
        previous = last if start == clause.start else None
        return Decode(self._tokens, clause, priority, kind, previous, language)
