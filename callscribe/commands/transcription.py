"""Files sent like live calls, their transcripts shown as they arrive."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from callscribe.audiofile import AudioFile, AudioFileError, is_read_once
from callscribe.client import Call
from callscribe.client.blocking import in_thread
from callscribe.client.latency import Sending
from callscribe.client.options import Options
from callscribe.commands.conversing import CHANNEL_NAMES, admitted, converse
from callscribe.commands.forms import WHOLE
from callscribe.commands.option_flags import SHOWN
from callscribe.commands.outputs import destinations, written
from callscribe.commands.progress import Progress, Track
from callscribe.commands.render import Display, Sheet, display_for
from callscribe.commands.server_flags import Server
from callscribe.commands.summary import Spent, summary, summary_text
from common.audio import float_to_pcm16
from common.errors import CallscribeError, SettingsError
from common.lifecycle import EXIT_FAILED, EXIT_MISUSE

MESSAGE_SECONDS = 0.1
"""Audio per message, as telephone and browser clients send; a longer one adds latency."""


@dataclass(frozen=True, kw_only=True)
class TranscribeOptions:
    """What to transcribe, where and how."""

    files: Sequence[Path]
    server: Server
    asked: Options = field(default_factory=lambda: Options(events=SHOWN))
    """The options of every call, except the format of its audio."""
    form: str = "txt"
    """One of `outputs.FORMATS`."""
    output: Path | None = None
    """A file, or a directory with one file for each; None is stdout."""
    channel: int | None = None
    """See `AudioFile`."""
    jobs: int = 1
    """Files that are transcribed at the same time."""
    chunk_s: float = MESSAGE_SECONDS
    """Seconds of audio per message."""
    resume: bool = True
    """Resume the call after a broken connection."""
    speed: float = 1.0
    """Seconds of audio sent a second; 0 sends as fast as the server takes it."""


async def run(options: TranscribeOptions) -> int:
    """Transcribe the files; return the exit code.

    0: done; 1: a call broke, was refused, some of its audio went untranscribed, or one of several
    files cannot be read; 2: the only file, the URL or an option is unusable, or a file is missing.
    A file that fails does not keep the others from being transcribed; once a call cannot be opened,
    no further one is tried. An error is one line on
    stderr, except errors of stdout, which are raised. Cancelling ends the calls immediately and
    leaves the terminal in order.
    """
    if sys.stdout is None:  # closed by the parent
        return _failed(CallscribeError("stdout is closed"), EXIT_FAILED)
    try:
        if options.speed < 0:
            raise SettingsError(f"speed is {options.speed:g}; it is 0 or more")
        places = destinations(options.files, options.form, options.output)
        for path in options.files:
            is_read_once(path)  # or AudioFileError: there is nothing of that name
        return await _Batch(options).run(list(zip(options.files, places, strict=True)))
    except (AudioFileError, SettingsError) as error:
        return _failed(error, EXIT_MISUSE)
    except CallscribeError as error:
        return _failed(error, EXIT_FAILED)


def _failed(error: CallscribeError, code: int) -> int:
    print(f"callscribe transcribe: {error}", file=sys.stderr)
    return code


class _FileFailed(CallscribeError):
    """Wraps the error of one file, which concerns no other."""

    def __init__(self, path: Path, error: CallscribeError, *, alone: bool) -> None:
        named = alone or str(path) in str(error)
        super().__init__(str(error) if named else f"{path}: {error}")
        unusable = alone and isinstance(error, AudioFileError)
        self.code = EXIT_MISUSE if unusable else EXIT_FAILED


class _Batch:
    """The files of one command, some of them at the same time."""

    def __init__(self, options: TranscribeOptions) -> None:
        self._options = options
        self._code = 0
        self._refusal: CallscribeError | None = None
        """Why no further call is tried."""
        live = options.output is None and options.form not in WHOLE
        together = live and (options.jobs == 1 or options.form == "jsonl")
        as_json = options.form == "jsonl"
        self._display: Display | None = None
        if together:
            self._display = display_for(sys.stdout, os.environ, as_json=as_json)
        shown = None if together else sys.stderr
        self._progress = Progress(shown, os.environ, len(options.files))
        self._spent: list[Spent] = []

    async def run(self, files: list[tuple[Path, Path | None]]) -> int:
        """Transcribe them all; return the exit code, or raise why a call could not be opened."""
        start = time.monotonic()
        with ExitStack() as around:
            if self._display is not None:
                around.enter_context(self._display)
            with self._progress.shown():
                await self._work_through(files)
            if self._refusal is not None:
                raise self._refusal
            if self._spent:
                self._summarise(time.monotonic() - start)
        return self._code

    def _summarise(self, seconds: float) -> None:
        body = summary(self._spent, seconds, paced=self._options.speed > 0)
        if self._display is not None:
            self._display.summarise(body, summary_text(body))
        else:
            print(summary_text(body), file=sys.stderr)

    async def _work_through(self, files: list[tuple[Path, Path | None]]) -> None:
        waiting = iter(files)
        jobs = min(self._options.jobs, len(files))
        tasks = [asyncio.create_task(self._work(waiting)) for _ in range(jobs)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, waiting: Iterator[tuple[Path, Path | None]]) -> None:
        for path, place in waiting:
            if self._refusal is not None:
                return
            try:
                if not await self._transcribe(path, place):
                    self._code = self._code or EXIT_FAILED
            except _FileFailed as failed:
                self._code = failed.code
                self._say(str(failed))
            except CallscribeError as error:
                self._refusal = self._refusal or error

    def _say(self, line: str) -> None:
        with self._progress.hidden():
            print(f"callscribe transcribe: {line}", file=sys.stderr, flush=True)

    async def _transcribe(self, path: Path, place: Path | None) -> bool:
        """Transcribe one file; return whether all of it was transcribed.

        Raises _FileFailed for an error of its call, others for a call that cannot be opened.
        """
        options = self._options
        alone = len(options.files) == 1
        with self._opened(path, alone=alone) as audio:
            asked = replace(options.asked, sample_rate=audio.rate, channels=audio.channels)
            opening = admitted(options.server, asked, resume=options.resume, tell=self._say)
            async with opening as call:
                with self._sheet(place) as sheet:
                    names = asked.channel_labels or CHANNEL_NAMES[audio.channels]
                    begun = {"file": str(path), "duration": round(audio.duration, 3) or None}
                    sheet.begin(call.session_id, names, begun, None if alone else str(path))
                    source = Source(audio, options.chunk_s, options.speed)
                    try:
                        faultless = await self._spoken(source, call, sheet)
                    except CallscribeError as error:
                        raise _FileFailed(path, error, alone=alone) from error
        if audio.remark:
            self._say(f"{path}: {audio.remark}")
        if source.damage is not None:
            self._say(str(source.damage))
            return False
        return faultless

    def _opened(self, path: Path, *, alone: bool) -> AudioFile:
        try:
            return AudioFile(path, self._options.channel)
        except AudioFileError as error:
            raise _FileFailed(path, error, alone=alone) from error

    async def _spoken(self, source: "Source", call: Call, sheet: Sheet) -> bool:
        audio = source.audio
        spent = Spent(audio.duration)
        with self._progress.file(str(audio.path), audio.duration) as track:
            recording = self._recording(source, spent.latencies.sending, track)
            faultless = await converse(call, recording, sheet, spent.latencies)
        spent.audio = max(spent.audio, source.sent)
        self._spent.append(spent)
        return faultless

    @contextmanager
    def _sheet(self, place: Path | None) -> Iterator[Sheet]:
        if self._display is not None:
            yield self._display
            return
        with written(self._options.form, place, self._write, self._progress.tell) as sheet:
            yield sheet

    def _write(self, text: str) -> None:
        with self._progress.hidden():
            sys.stdout.write(text)
            sys.stdout.flush()

    async def _recording(
        self, source: "Source", sending: Sending, track: Track
    ) -> AsyncIterator[bytes]:
        async for end, pcm in source.messages():
            sending.sent(end, time.monotonic())
            track.sent = end
            yield pcm


class Source:
    """The messages of one recording, paced at `speed` times real time; 0 does not pace them."""

    def __init__(self, audio: AudioFile, chunk_s: float, speed: float) -> None:
        self.audio = audio
        self.damage: AudioFileError | None = None
        """Why the recording ended before its end: what was heard until then counts."""
        self.sent = 0.0
        """Seconds of audio."""
        self._blocks = audio.blocks(chunk_s)
        self._speed = speed

    async def messages(self) -> AsyncIterator[tuple[float, bytes]]:
        """Yield each when its last sample would have been recorded, on an absolute clock.

        With it comes its end, in seconds of audio. It is interleaved PCM16.
        """
        start, frames = time.monotonic(), 0
        try:
            async with aclosing(in_thread(self._blocks)) as blocks:
                async for block in blocks:
                    frames += len(block)
                    self.sent = frames / self.audio.rate
                    due = start + self.sent / self._speed if self._speed else 0.0
                    await asyncio.sleep(max(0.0, due - time.monotonic()))  # 0: the receiver's turn
                    yield self.sent, float_to_pcm16(block.ravel())
        except AudioFileError as error:
            self.damage = error
