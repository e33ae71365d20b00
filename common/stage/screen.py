"""What a work item's texts must pass before they are stored."""

from typing import Protocol

from common.pipeline.partial import PartialText
from common.pipeline.text import Final, Words
from common.pipeline.work import TextWork


class Screen(Protocol):
    """Puts the texts of one work item otherwise, or hides parts of them.

    It is asked in the order in which the texts are stored, once for each. `text[:stable]` of one
    partial must stay a prefix of the next.

    `hides`: it hides parts, and not even an error's message may be read, which may quote them.
    """

    @property
    def hides(self) -> bool:
        """See above."""

    def partial(self, partial: PartialText) -> PartialText:
        """Return what to show of a partial."""

    def final(self, final: Final) -> Final:
        """Return what to store of a final, its words included."""

    def request(self, work: TextWork) -> TextWork:
        """Return the text whose words are to be timed."""

    def text(self, text: str, language: str | None) -> str:
        """Return a whole text as a final would have it."""

    def words(self, words: Words) -> Words:
        """Return what to store of words that were timed."""

    def reason(self, reason: str) -> str:
        """Return what an operator may read of why a work item was given up."""

    def audio(self, pcm: bytes) -> bytes:
        """Return what to keep of the audio of a work item that was given up."""


class Unchanged:
    """The screen of stages that know no text, and of calls that ask for nothing."""

    hides = False

    def partial(self, partial: PartialText) -> PartialText:
        """See `Screen`."""
        return partial

    def final(self, final: Final) -> Final:
        """See `Screen`."""
        return final

    def request(self, work: TextWork) -> TextWork:
        """See `Screen`."""
        return work

    def text(self, text: str, language: str | None) -> str:
        """See `Screen`."""
        return text

    def words(self, words: Words) -> Words:
        """See `Screen`."""
        return words

    def reason(self, reason: str) -> str:
        """See `Screen`."""
        return reason

    def audio(self, pcm: bytes) -> bytes:
        """See `Screen`."""
        return pcm


UNCHANGED: Screen = Unchanged()
