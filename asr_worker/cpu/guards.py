"""How far a text that a model wrote for one window is to be trusted."""

import re
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

# OpenAI's threshold (whisper/transcribe.py).
_COMPRESSION_LIMIT = 2.4

# A phrase that repeats at the end of the text, four times or more.
_LOOP = re.compile(r"(.{2,80}?)\1{3,}.{0,80}$", re.DOTALL)
# Three words or more, twice: a decoder writes this when it sees no end of speech.
_DOUBLED = re.compile(r"\b(\w+(?: \w+){2,20}) \1\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written(ABC):
    """One window's text, its tokens, and how likely it is.

    `logprob` is the mean over the tokens; `complete` is False at a limit.
    """

    tokens: list[int]
    text: str
    logprob: float
    complete: bool

    @property
    def wordless(self) -> bool:
        """Whether its text has no words."""
        return not any(character.isalnum() for character in self.text)

    @property
    def repetitive(self) -> bool:
        """Whether it is too repetitive for speech."""
        return bool(_LOOP.search(self.text)) or _compression(self.text) > _COMPRESSION_LIMIT

    @property
    def doubled(self) -> bool:
        """Whether it says a phrase twice in a row; people do that, but seldom."""
        return bool(_DOUBLED.search(" ".join(re.findall(r"\w+", self.text.lower()))))

    @property
    def sound(self) -> bool:
        """Whether it ends by itself and does not turn in circles."""
        return self.complete and not self.repetitive and not self.doubled

    def confirms(self, other: "Written") -> bool:
        """Whether both windows gave the same text to its end: then it was said, though unlikely."""
        return self.complete and other.complete and self.text == other.text

    @property
    def rank(self) -> tuple[float, ...]:
        """Sort key: the greater of two is better."""
        return (self.complete, not self.repetitive, not self.doubled, self.logprob)

    @abstractmethod
    def plausible(self, *, final: bool) -> bool:
        """Whether no other attempt is needed; the next partial corrects a partial anyway."""

    @abstractmethod
    def settled(self) -> Self:
        """Return the credible part."""

    def nothing(self) -> Self:
        """Return it without text."""
        return replace(self, text="", tokens=[], complete=True)

    def once(self) -> Self:
        """Return it with a runaway loop only once."""
        loop = None if self.complete else _LOOP.search(self.text)
        if loop is None:
            return self
        return replace(self, text=self.text[: loop.end(1)].strip(), tokens=[])


def _compression(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data))
