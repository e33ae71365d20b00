"""A text in chunks and atoms, with how sure its words are and where its speaker corrects them."""

from collections.abc import Mapping, Sequence

from asr_worker.spoken.grammar import row
from asr_worker.spoken.tokens import atoms, chunks
from common.pipeline.slot import Heard, Mark

_CORRECTIONS: Mapping[str, str] = {
    "English": "no|sorry|correction|rather|actually|i mean|make that|scratch that",
    "Spanish": "no|perdón|corrección|digo|mejor dicho",
    "French": "non|pardon|correction|je veux dire",
    "Italian": "no|scusi|scusa|correzione|anzi|volevo dire",
    "German": "nein|entschuldigung|verzeihung|korrektur|quatsch|ich meine",
    "Russian": "нет|извините|простите|то есть|вернее",
}
_RESTARTS: Mapping[str, str] = {
    "English": "start again|start over|from the start|from the beginning|begin again|once more",
    "Spanish": "de nuevo|desde el principio|otra vez|empiezo de nuevo",
    "French": "je recommence|depuis le début|encore une fois",
    "Italian": "da capo|dall'inizio|ricomincio",
    "German": "von vorne|von vorn|noch einmal|nochmal",
    "Russian": "сначала|ещё раз|заново",
}


class Line:
    """A text; an unknown language is read as English."""

    def __init__(self, text: str, language: str | None, sure: Sequence[float] = ()) -> None:
        self.language = language if language and language in _CORRECTIONS else "English"
        self.chunks = chunks(text, language or "English")
        self.row = row(atoms(self.chunks), self.chunks, 0)
        self.words = [each.word.replace("’", "'") for each in self.chunks]
        self._sure = sure if len(sure) == len(self.chunks) else ()
        self._reached = 0
        """The chunk behind the last group."""
        self._marks: tuple[tuple[Mark, list[list[str]]], ...] = (
            ("restarts", _phrases(_RESTARTS[self.language])),
            ("corrects", _phrases(_CORRECTIONS[self.language])),
        )

    def mark(self, chunk: int) -> tuple[Heard, int] | None:
        """Return the mark that begins with a chunk, and the chunk behind it; None without one."""
        for mark, phrases in self._marks:
            for phrase in phrases:
                if self.words[chunk : chunk + len(phrase)] == phrase:
                    return Heard("", mark=mark), chunk + len(phrase)
        return None

    @property
    def behind(self) -> int:
        """How many words follow the last group."""
        return sum(not each.silent for each in self.chunks[self._reached :])

    def group(self, text: str, first: int, end: int) -> Heard:
        """Return a group said by the chunks [first, end): as sure as the least sure of them."""
        self._reached = max(self._reached, end)
        sure = self._sure[first:end]
        return Heard(text, (round(min(sure), 4),) * len(text) if sure else None)


def _phrases(listed: str) -> list[list[str]]:
    return [each.split() for each in listed.split("|")]
