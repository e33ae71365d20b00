"""Finds the voices of utterances beside the event loop, one utterance after another."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from asr_worker.voices.encoder import VoiceEncoder
from common.audio import FloatArray
from common.pipeline.text import Voice
from common.telemetry.logs import Log

_log = Log(__name__)


class Listener:
    """One thread with an encoder; what it is asked waits in order, one item per owned utterance."""

    def __init__(self, encoder: VoiceEncoder) -> None:
        self._encoder = encoder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="voices")

    def listen(self, audio: FloatArray, start: int) -> "asyncio.Future[tuple[Voice, ...]]":
        """Find the voices of an utterance [n] at 16 kHz that begins at `start`."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._thread, self._encoder.voices, audio, start)

    def close(self) -> None:
        """Find no more; what is being computed is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class Heard:
    """The voices of one utterance, up to where it may end; `wake` is called when they are known."""

    def __init__(self, listener: Listener, start: int, wake: Callable[[], None]) -> None:
        self._listener = listener
        self._start = start
        self._wake = wake
        self._end = start
        self._voices: asyncio.Future[tuple[Voice, ...]] | None = None

    def until(self, end: int, audio: Callable[[int], FloatArray]) -> None:
        """Listen to the audio before `end`, which `audio` returns, unless that is done already."""
        if self._voices is not None and end == self._end:
            return
        self.forget()
        self._end = end
        self._voices = self._listener.listen(audio(end), self._start)
        self._voices.add_done_callback(lambda _: self._wake())

    @property
    def known(self) -> bool:
        """Whether `voices` are there."""
        return self._voices is not None and self._voices.done()

    def voices(self, utterance: str) -> tuple[Voice, ...] | None:
        """Return the voices; None if they could not be found, which costs a final nothing else."""
        assert self._voices is not None
        try:
            return self._voices.result()
        except Exception as error:
            _log.exception("voices.failed", error, quoting=False, utterance=utterance)
            return None

    def forget(self) -> None:
        """Drop what is being computed."""
        if self._voices is not None:
            self._voices.cancel()
            self._voices = None
