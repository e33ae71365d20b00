"""One text in an aligner: its audio by position, and the answer that goes to its utterance."""

from collections.abc import Sequence
from enum import Enum

from asr_worker.align.units import units
from asr_worker.api import Word
from asr_worker.placing import placed
from asr_worker.recording import GONE, Recording
from common.audio import FloatArray, samples
from common.bus.wire import Chunk
from common.pipeline.text import Words
from common.pipeline.work import TextWork
from common.stage.api import Attach, Entry

LONGEST = samples(180)
"""The longest audio in the model's training (MAX_FORCE_ALIGN, qwen_asr/inference/utils.py)."""


class Trouble(Enum):
    """Why a text gets no words: the value is for clients, the name for metrics."""

    TOO_LONG = "the utterance is longer than 180 s"
    NOTHING_SPOKEN = "nothing in the text can be placed in time"
    AUDIO_GONE = GONE
    FULL = "the aligner is full"
    FAILED = "the aligner failed"


class Alignment:
    """State of one work item. Pure: entries and words in, an effect out."""

    def __init__(self, key: str, work: TextWork) -> None:
        self.id = key
        self.source = work.source
        self.start = work.start
        self._end = work.end
        self._work = work
        self.units = units(work.text, work.language)
        self._recording = Recording(self.start)
        self.trouble: Trouble | None = None
        """Why there will be no words, as far as known."""
        if self._end - self.start > LONGEST:
            self.trouble = Trouble.TOO_LONG
        elif not self.units:
            self.trouble = Trouble.NOTHING_SPOKEN

    @property
    def complete(self) -> bool:
        """Whether all of the audio is there."""
        return self._recording.end >= self._end

    @property
    def audio(self) -> FloatArray:
        """The audio that is there, float32 [n] from `start`; not to be written."""
        return self._recording.until(self._end)

    def feed(self, entries: Sequence[Entry]) -> None:
        """Take entries of the source stream; they may continue behind the end."""
        for entry in entries:
            if isinstance(entry, Chunk) and not self.complete:
                self._recording.add(entry)
        if self._recording.gone:
            self.trouble = self.trouble or Trouble.AUDIO_GONE

    def words(self, words: Sequence[Word]) -> Attach:
        """Return the effect of answering with `words`, timed from `start`."""
        return self._answer(Words(placed(words, self.start, self._end)))

    def no_words(self, trouble: Trouble) -> Attach:
        """Return the effect of answering that there are no words, and why."""
        return self._answer(Words(None, trouble.value))

    def _answer(self, words: Words) -> Attach:
        work = self._work
        return Attach(work.utterance, work.digest, words, work.gateway)
