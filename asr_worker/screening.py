"""What the texts of one utterance pass before they are stored: see `asr_worker.spoken`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from asr_worker.api import Hypothesis, Word
from asr_worker.around import Around
from asr_worker.redactor import Redactor
from asr_worker.respelling import respelled
from asr_worker.spoken.before import NOTHING_BEFORE, Before
from asr_worker.spoken.rendering import Rendered, growing, rendered
from asr_worker.spoken.secrets import PENDING, Mask, Span
from asr_worker.stabilizer import AGREED, concluded, continued
from common.audio import samples
from common.languages import WITH_NUMBERS
from common.options import Numbers, SessionOptions
from common.pipeline.partial import PartialText
from common.pipeline.text import Final, Hidden, TimedWord, Words
from common.pipeline.work import TextWork
from common.stage.screen import UNCHANGED, Screen


def screen_for(
    options: SessionOptions,
    shown: PartialText | None,
    around: Around | None = None,
    redactor: Redactor | None = None,
) -> Screen:
    """Return the screen of an utterance.

    `shown`: the last partial of a former owner. `around`: what is said around it. `redactor`: what
    finds more in calls that hide something.
    """
    if options.numbers == "engine" and not options.redact:
        return UNCHANGED
    return TextScreen(options, shown, around, redactor)


_MARGIN = samples(0.2)
"""How far words may lie beside the times that they are given."""


class _Promise(NamedTuple):
    """A stable text, and the end of the audio in which it was heard already."""

    text: str
    since: int


class TextScreen:
    """Writes numbers as a call wants them, and hides what it wants hidden.

    Every text goes on from the stable text that was shown last: by a former owner, that of `shown`.
    """

    def __init__(
        self,
        options: SessionOptions,
        shown: PartialText | None = None,
        around: Around | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._around = around
        self._redactor = redactor if options.redact else None
        self._words = options.words
        self._form = options.redact_form
        self._numbers = options.numbers
        self._language = options.language
        self._kinds: frozenset[str] = frozenset(options.redact)
        self._promises = [_Promise("", 0)]
        """What was stable, ever more of it."""
        if shown is not None:
            self._promise(shown.text[: shown.stable], shown.end)

    @property
    def hides(self) -> bool:
        """See `Screen`."""
        return bool(self._kinds)

    def partial(self, partial: PartialText) -> PartialText:
        """See `Screen`: what is not settled is not stable, and hidden where it may be secret."""
        if self._redactor is not None:  # it judges whole texts
            kept = self._promises[-1].text
            return replace(partial, text=f"{kept} {PENDING}".lstrip(), stable=len(kept))
        numbers = self._numbers_in(partial.language)
        wanted = (numbers, self._kinds, self._before, self._form)
        language = self._known(partial.language)
        found = growing(partial.text, partial.stable, *wanted, language)
        text = continued(self._promises[-1].text, found.text)
        settled = found.text[: found.settled]
        if text.startswith(settled) and len(settled) > len(self._promises[-1].text):
            self._promise(settled, partial.end)
        return replace(partial, text=text, stable=len(self._promises[-1].text))

    def final(self, final: Final) -> Final:
        """See `Screen`: words share the time of what they stand for."""
        found = self._rendered(final.text, final.language)
        # What was heard behind the end is said by the next utterance.
        promised = next(each for each in reversed(self._promises) if each.since <= final.end)
        text = concluded(promised.text, found.text)
        words = final.words if self._words or not self._kinds else None
        if words is not None:
            words = _respelled(words, final.text, text)
        return replace(
            final,
            text=text,
            words=words,
            trouble=self.reason(final.trouble),
            hidden=tuple(_placed(each, final) for each in found.hidden) or None,
        )

    def request(self, work: TextWork) -> TextWork:
        """See `Screen`."""
        return replace(work, text=self.text(work.text, work.language))

    def words(self, words: Words) -> Words:
        """See `Screen`: they are those of a text that has passed this already."""
        return words

    def reason(self, reason: str) -> str:
        """See `Screen`: what an engine says of a text was not judged."""
        if not self._kinds:
            return reason
        return rendered(
            reason,
            "engine",
            self._kinds,
            Before(unsure=True),
            language=self._known(None),
            spans=self._spans(reason, None),
        ).text

    def audio(self, pcm: bytes) -> bytes:
        """See `Screen`: what must not be read must not be heard either."""
        return b"" if self._kinds else pcm

    def text(self, text: str, language: str | None) -> str:
        """Return a whole text as a final would have it."""
        return self._rendered(text, language).text

    def _promise(self, stable: str, end: int) -> None:
        self._promises.append(_Promise(stable, end - AGREED))

    def _rendered(self, text: str, language: str | None) -> Rendered:
        wanted = (self._numbers_in(language), self._kinds, self._before, self._form)
        return rendered(text, *wanted, self._known(language), self._spans(text, language))

    def _spans(self, text: str, language: str | None) -> Sequence[Span]:
        return () if self._redactor is None else self._redactor.spans(text, self._known(language))

    @property
    def _before(self) -> Before:
        return NOTHING_BEFORE if self._around is None else self._around.before

    def _numbers_in(self, language: str | None) -> Numbers:
        known = {"English"} if self._numbers == "spoken" else WITH_NUMBERS
        return self._numbers if (language or self._language) in known else "engine"

    def _known(self, detected: str | None) -> str:
        """Return the language that a text is read in: what was told is what was expected."""
        return self._language or detected or "English"


def _placed(mask: Mask, final: Final) -> Hidden:
    """Return a mask with its place: a little more than its words, or all where that is unknown."""
    words, name = final.words or (), mask.entity.lower()
    if len(words) != len(final.text.split()):
        return Hidden(name, final.start, final.end)
    start = max(final.start, words[mask.first].start - _MARGIN)
    return Hidden(name, start, min(final.end, words[mask.end - 1].end + _MARGIN))


def _respelled(words: Sequence[TimedWord], said: str, text: str) -> tuple[TimedWord, ...]:
    """Return the words of `text`, timed by those of what was `said`."""
    heard = tuple(Word(each.text, each.start, each.end, each.probability) for each in words)
    spelled = respelled(Hypothesis(said, words=heard), text).words
    return tuple(
        TimedWord(each.text, round(each.start), round(each.end), each.probability)
        for each in spelled or ()
    )
