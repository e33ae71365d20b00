"""What is known of what was said before a text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Before:
    """The last words before an utterance, of both legs.

    `unsure`: something was said whose text is not known yet.
    """

    words: tuple[str, ...] = ()
    unsure: bool = False


NOTHING_BEFORE = Before()
