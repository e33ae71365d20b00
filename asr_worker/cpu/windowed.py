"""Recognising audio window by window, whatever the model."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Hashable, Sequence
from typing import Any, Generic, TypeVar

from asr_worker.api import DecodeRequest, EngineError, LanguageUnsupported
from asr_worker.cpu import clips
from asr_worker.cpu.clips import Heard
from asr_worker.cpu.stepwise import Steps, one_by_one
from asr_worker.cpu.word_times import Aligned, voiced, without_pauses
from common.audio import SAMPLE_RATE

C = TypeVar("C", bound=clips.Clip[Any])


class WindowedRecogniser(ABC, Generic[C]):
    """See `asr_worker.cpu.stepwise.Recogniser`. `C` is one window with its attempts."""

    @abstractmethod
    def heard(self, request: DecodeRequest) -> Heard:
        """Begin with a request: return it with what is known of its language.

        Raises LanguageUnsupported.
        """

    @abstractmethod
    def clip(self, heard: Heard, start: int, end: int) -> C | None:
        """Return the window [start, end) of a request; None if there is nothing to hear in it."""

    @abstractmethod
    def encode(self, clip: C) -> Hashable:
        """Encode the next attempt; return what it must have in common to be decoded together."""

    @abstractmethod
    def generate(self, alike: Sequence[C]) -> None:
        """Write the texts of encoded clips; each hears its piece."""

    @abstractmethod
    def align(self, piece: Any, offset: float, duration: float) -> Aligned:
        """Place the words of a piece that lies `offset` s in the audio and lasts `duration` s."""

    def steps(self, requests: Sequence[DecodeRequest]) -> Steps:
        """See `Recogniser.steps`."""
        outcomes: dict[int, EngineError] = {}
        heard: dict[int, Heard] = {}
        for number, request in enumerate(requests):
            try:
                heard[number] = self.heard(request)
            except LanguageUnsupported as error:
                # Its traceback has this frame, which has the error and all audio.
                outcomes[number] = error.with_traceback(None)
        try:
            # An unknown language is that of the window before.
            for turn in range(max((len(each.cuts) for each in heard.values()), default=0)):
                windows = [each for each in heard.values() if turn < len(each.cuts)]
                found = [self.clip(each, *each.cuts[turn]) for each in windows]
                clips = [each for each in found if each is not None]
                yield from self._decode(clips)
                yield from self._take(clips)
        except (RuntimeError, ValueError) as error:
            return (yield from one_by_one(self, requests, error))
        return [
            heard[number].hypothesis() if number in heard else outcomes[number]
            for number in range(len(requests))
        ]

    def _decode(self, clips: Sequence[C]) -> Generator[None, None, None]:
        """Decode each clip; if the result is implausible, once more in its next window."""
        waiting = list(clips)
        while waiting:
            alike: dict[Hashable, list[C]] = {}
            for clip in waiting:
                yield
                alike.setdefault(self.encode(clip), []).append(clip)
            for group in alike.values():
                yield
                self.generate(group)
            waiting = [clip for clip in waiting if clip.wants_more]

    def _take(self, clips: Sequence[C]) -> Generator[None, None, None]:
        """Add each clip's best piece to its result."""
        for clip in clips:
            assert clip.best is not None
            piece, heard = clip.best.settled(), clip.heard
            heard.pieces.append(piece)
            ends = clip.start + clip.length == len(heard.request.audio)
            if not (heard.request.words or (heard.request.mark and ends)):
                continue
            yield
            aligned = self.align(piece, clip.start / SAMPLE_RATE, clip.length / SAMPLE_RATE)
            heard.mark = aligned.mark
            if heard.request.words:
                words = voiced(aligned.words, heard.request.audio)
                heard.words += without_pauses(list(words))
