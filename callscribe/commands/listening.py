"""A microphone sent as a call, its transcript shown as it arrives."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from callscribe.client.options import Options
from callscribe.commands.conversing import CHANNEL_NAMES, admitted, converse
from callscribe.commands.forms import WHOLE
from callscribe.commands.outputs import destinations, written
from callscribe.commands.render import Display, Sheet, display_for
from callscribe.commands.server_flags import Server
from callscribe.commands.summary import Spent, summary, summary_text
from callscribe.microphone import Microphone
from callscribe.terminal.telling import tell
from common.errors import CallscribeError
from common.lifecycle import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK


@dataclass(frozen=True, kw_only=True)
class ListenOptions:
    """What to listen to, and where it goes."""

    server: Server
    asked: Options
    """The options of the call, the number of channels among them."""
    form: str
    """One of `outputs.FORMATS`."""
    output: Path | None
    """A file, or a directory that gets one named by the time; None is stdout."""
    device: str | None
    """See `Microphone`."""
    duration: float | None
    """Seconds after which the call ends; None waits for SIGINT or SIGTERM."""
    chunk_s: float
    resume: bool


async def run(options: ListenOptions, library: Any) -> int:
    """Transcribe the microphone until a signal or the duration ends it; return the exit code.

    `library` is the package sounddevice. 0: done; 1: some audio went untranscribed; 130: a second
    signal came, and the call was left. Raises CallscribeErrors of the device and of the call.
    """
    if sys.stdout is None:  # closed by the parent
        raise CallscribeError("stdout is closed")
    named = Path(datetime.now().astimezone().strftime("call-%Y-%m-%d-%H-%M-%S"))
    (place,) = destinations([named], options.form, options.output)
    live = place is None and options.form not in WHOLE
    with ExitStack() as around:
        display = None
        if live:
            as_json = options.form == "jsonl"
            display = display_for(sys.stdout, os.environ, as_json=as_json)
            around.enter_context(display)
        return await _Listening(options, library, display, place).run()


@contextmanager
def _signals(first: Callable[[], object], second: Callable[[], object]) -> Iterator[None]:
    """Have the first SIGINT or SIGTERM do one thing, and further ones another."""
    loop, steps = asyncio.get_running_loop(), iter([first])
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, lambda: next(steps, second)())
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


class _Listening:
    """One call; `display` shows it as it goes on, or is None if `place` or stdout gets it whole."""

    def __init__(
        self, options: ListenOptions, library: Any, display: Display | None, place: Path | None
    ) -> None:
        self._options = options
        self._display = display
        self._place = place
        self._microphone = Microphone(
            library,
            device=options.device,
            channels=options.asked.channels,
            chunk_s=options.chunk_s,
            tell=self._tell,
        )
        self._spent = Spent(0.0)

    async def run(self) -> int:
        """Run the call; see `run`."""
        task = asyncio.create_task(self._listen())
        left = False

        def leave() -> None:
            nonlocal left
            left = True
            task.cancel()

        with _signals(self._microphone.stop, leave):
            try:
                return await task
            except asyncio.CancelledError:
                if left:
                    return EXIT_INTERRUPTED
                raise

    def _tell(self, line: str) -> None:
        if self._display is not None:
            self._display.tell(f"callscribe listen: {line}")
        else:
            tell(f"callscribe listen: {line}", sys.stderr)

    async def _listen(self) -> int:
        options, microphone = self._options, self._microphone
        asked, start = replace(options.asked, sample_rate=microphone.rate), time.monotonic()
        opening = admitted(options.server, asked, resume=options.resume, tell=self._tell)
        async with opening as call:
            self._tell(f"{microphone.name}, {microphone.rate} Hz; Ctrl-C ends the call")
            with self._sheet() as sheet:
                names = asked.channel_labels or CHANNEL_NAMES[asked.channels]
                sheet.begin(call.session_id, names, {"device": microphone.name}, None)
                if options.duration is not None:
                    asyncio.get_running_loop().call_later(options.duration, microphone.stop)
                faultless = await converse(call, self._sent(), sheet, self._spent.latencies)
        figures = summary([self._spent], time.monotonic() - start, paced=True)
        if self._display is not None:
            self._display.summarise(figures, summary_text(figures))
        else:
            tell(summary_text(figures), sys.stderr)
        return EXIT_OK if faultless else EXIT_FAILED

    @contextmanager
    def _sheet(self) -> Iterator[Sheet]:
        if self._display is not None:
            yield self._display
            return
        with written(self._options.form, self._place, _print, self._tell) as sheet:
            yield sheet

    async def _sent(self) -> AsyncIterator[bytes]:
        spent, bytes_a_second = self._spent, 2 * self._microphone.channels * self._microphone.rate
        async for piece in self._microphone.pieces():
            spent.audio += len(piece) / bytes_a_second
            spent.latencies.sending.sent(spent.audio, time.monotonic())
            yield piece


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
