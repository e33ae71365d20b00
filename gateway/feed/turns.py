"""The turns of one leg, from what its streams hold. Pure.

A turn is what a speaker says before another may answer: an utterance with words, and those behind
it while each was begun by cutting the one before for its length. Reading the same entries gives the
same events, in whatever portions they come: what is read of an utterance before the finals of all
earlier ones waits for them. `TRANSITIONS` has the states and what moves between them; anything else
raises Misuse.

- NONE: nobody has said a word.
- OPEN: a turn has words.
- EAGER: its end was announced, and may be taken back.

The text of an announced end is that of the turn's end, or the announcement is taken back before.
"""

from dataclasses import dataclass, field
from enum import Enum
from statistics import fmean
from typing import TypeAlias

from common.errors import Misuse
from common.pipeline import speech, text
from common.pipeline.partial import PartialText
from common.pipeline.speech import Likely, SpeechEntry
from gateway.endpointing.tail import SURE, confidence, evidence
from gateway.feed.backchannels import is_backchannel
from gateway.protocols.events import Turn, TurnKind


class State(Enum):
    """The state of a leg."""

    NONE = "none"
    OPEN = "open"
    EAGER = "eager"


class Trigger(Enum):
    """What moves a leg from one state to the next."""

    WORDS = "first words"
    LIKELY = "a pause is likely the end"
    RESUME = "speech again, or another text"
    CUT = "utterance cut for its length"
    END = "utterance over"


TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (State.NONE, Trigger.WORDS): State.OPEN,
    (State.OPEN, Trigger.LIKELY): State.EAGER,
    (State.EAGER, Trigger.RESUME): State.OPEN,
    (State.OPEN, Trigger.CUT): State.OPEN,
    (State.OPEN, Trigger.END): State.NONE,
    (State.EAGER, Trigger.END): State.NONE,
}

_Told: TypeAlias = Likely | speech.Resumed | PartialText


@dataclass(slots=True)
class _Turn:
    """The open turn; `settled` are the texts of its utterances that were cut."""

    number: int
    start: int
    settled: tuple[str, ...] = ()
    steps: int = 0
    language: str | None = None
    likely: Likely | None = None
    """The announcement that holds."""
    words: list[float] | None = field(default_factory=list)
    """The confidence of each word of its finals; None: one has words without."""

    def saying(self, more: str) -> str:
        """Return its transcript, where the open utterance says this."""
        return " ".join(filter(None, (*self.settled, more)))


class LegTurns:
    """Tells of one leg's turns; nothing of utterances up to `seen`, which the client knows."""

    def __init__(self, channel: int) -> None:
        self.seen = 0
        self.ended: Turn | None = None
        """The turn that ended with the item read last, whether the client knows it or not."""
        self._channel = channel
        self._state = State.NONE
        self._turn = _Turn(0, 0)
        self._item = 0
        """The last item that was read."""
        self._waiting: list[tuple[int, _Told, int]] = []
        """What was read of utterances behind the one whose final comes next."""
        self._cut: set[int] = set()
        """Utterances without a final that were cut, and go on in the next."""
        self._heard = 0
        """The samples of speech by what is being read."""
        self._voiced: dict[int, int] = {}
        """The samples of speech of utterances without a final, as far as they were told."""

    def speech(self, entry: SpeechEntry) -> list[Turn]:
        """Read an entry of the speech stream."""
        found: list[Turn] = []
        if entry.likely is not None:
            self._voice(entry.likely.utterance, entry.voiced)
            found += self._hear(entry.likely.utterance, entry.likely)
        for event in entry.events:
            if isinstance(event, speech.UtteranceEvent):
                self._voice(event.utterance, entry.voiced)
            if isinstance(event, speech.Resumed):
                found += self._hear(event.utterance, event)
        match entry.events:
            # Where nothing follows the cut, nothing begins with it.
            case (*_, speech.Ended(utterance=cut, reason="length"), speech.Started()):
                self._cut.add(cut)
        return found

    def partial(self, utterance: int, partial: PartialText) -> list[Turn]:
        """Read a partial; they may be left out, and then the turn is told of later."""
        return self._hear(utterance, partial) if partial.text else []

    def item(self, number: int, item: text.Item) -> list[Turn]:
        """Read an item of the text. Everything before it was read of the speech stream.

        What is returned comes before the item, what `waiting` returns then comes behind it.
        """
        self.ended = None
        found = self._final(number, item) if isinstance(item, text.Final) else []
        self._item = number
        self._cut = {each for each in self._cut if each > number}
        self._voiced = {each: heard for each, heard in self._voiced.items() if each > number}
        return found

    def waiting(self) -> list[Turn]:
        """Return what was read already of the utterance behind the last item."""
        waiting, self._waiting = self._waiting, []
        return [turn for each in waiting for turn in self._hear(*each)]

    def _voice(self, utterance: int, voiced: int) -> None:
        """Note how much of an utterance is speech; an entry may tell of the next one, too."""
        if utterance > self._item:
            self._voiced[utterance] = max(voiced, self._voiced.get(utterance, 0))

    def _hear(self, utterance: int, told: _Told, voiced: int | None = None) -> list[Turn]:
        """Learn of an utterance; `voiced`: how much of it was speech, None: as known now."""
        if utterance <= self._item:
            return []
        if voiced is None:
            voiced = self._voiced.get(utterance, 0)
        if utterance > self._item + 1:
            self._wait(utterance, told, voiced)
            return []
        self._heard = voiced
        match told:
            case Likely():
                return [*self._speak(utterance, told, told.text), *self._expect(told)]
            case PartialText():
                return self._speak(utterance, told, told.text, told.language)
            case speech.Resumed(at=at):
                return self._take_back(utterance, at)

    def _wait(self, utterance: int, told: _Told, voiced: int) -> None:
        # The first partial tells that there are words; the others would be told of nothing.
        partials = (n for n, each, _ in self._waiting if isinstance(each, PartialText))
        if not isinstance(told, PartialText) or utterance not in partials:
            self._waiting.append((utterance, told, voiced))

    def _speak(
        self, utterance: int, told: Likely | PartialText, said: str, language: str | None = None
    ) -> list[Turn]:
        """Learn of words; the first ones begin a turn."""
        self._turn.language = language or self._turn.language
        if self._state is not State.NONE:
            return []
        self._begin(utterance, told.start, language)
        at = told.at if isinstance(told, Likely) else told.end
        return self._tell("started", utterance, (told.end, at), said)

    def _begin(self, utterance: int, start: int, language: str | None) -> None:
        self._move(Trigger.WORDS)
        self._turn = _Turn(utterance, start, language=language)

    def _expect(self, likely: Likely) -> list[Turn]:
        if self._state is not State.OPEN:
            return []
        self._move(Trigger.LIKELY)
        self._turn.likely = likely
        place = (likely.end, likely.at)
        sure = confidence(likely.waited, likely.silence)
        return self._tell("eager_end", likely.utterance, place, likely.text, sure, likely.evidence)

    def _take_back(self, utterance: int, at: int) -> list[Turn]:
        likely = self._turn.likely
        if self._state is not State.EAGER or likely is None:
            return []
        self._move(Trigger.RESUME)
        self._turn.likely = None
        return self._tell("resumed", utterance, (likely.end, at), likely.text)

    def _final(self, number: int, final: text.Final) -> list[Turn]:
        found: list[Turn] = []
        self._heard = self._voiced.get(number, 0)
        if self._state is State.NONE:
            if not (final.text or final.failed):
                return []
            self._begin(number, final.start, final.language)
            found += self._tell("started", number, (final.end, final.at), final.text)
        turn = self._turn
        turn.language = final.language or turn.language
        cut = number in self._cut
        if final.text and turn.words is not None:
            words = final.words
            turn.words = None if words is None else [*turn.words, *(w.probability for w in words)]
        if turn.likely is not None and (cut or turn.likely.text != final.text):
            found += self._take_back(number, final.at)
        if not cut:
            return found + self._end(number, final)
        self._move(Trigger.CUT)
        turn.settled += (final.text,)
        return found

    def _end(self, utterance: int, final: text.Final) -> list[Turn]:
        """End the turn with this final."""
        likely = self._turn.likely
        sure = SURE
        if final.reason in ("flush", "finish"):
            sure = 1.0
        elif likely is not None:
            sure = max(sure, confidence(likely.waited + final.at - likely.at, likely.silence))
        self._move(Trigger.END)
        # What was announced knows more than the text: how sure its mark is.
        text = self._turn.saying(final.text)
        found = likely.evidence if likely else evidence(text, self._turn.language).value
        place = (final.end, final.at)
        told = self._tell("ended", utterance, place, final.text, sure, found, final.reason)
        self._turn = _Turn(0, 0)
        return told

    def _tell(
        self,
        kind: TurnKind,
        utterance: int,
        place: tuple[int, int],
        said: str,
        sure: float = 0.0,
        found: str = "",
        reason: text.EndReason | None = None,
    ) -> list[Turn]:
        turn = self._turn
        turn.steps += 1
        end, at = place
        over = kind == "ended"
        said = turn.saying(said)
        event = Turn(
            kind=kind,
            channel=self._channel,
            turn=turn.number,
            step=turn.steps,
            utterance=utterance,
            start=turn.start,
            end=end,
            at=at,
            transcript=said,
            language=turn.language,
            confidence=sure,
            evidence=found,
            reason=reason,
            voiced=self._heard,
            backchannel=is_backchannel(said, end - turn.start),
            word_confidence=fmean(turn.words) if over and turn.words else None,
        )
        self.ended = event if over else None
        return [event] if utterance > self.seen else []

    def _move(self, trigger: Trigger) -> None:
        state = TRANSITIONS.get((self._state, trigger))
        if state is None:
            raise Misuse(f"{trigger.name} while {self._state.name}")
        self._state = state
