"""What the client scripts share: audio at the pace of speech, and the report they print.

Only the standard library: the scripts run in environments of their own, as
``python -m tests.clients.<script> --url <url> --audio <file>``.
"""

import argparse
import asyncio
import json
import sys
import time
import wave
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

PIECE = 0.05
"""Seconds of audio in a message."""


@dataclass
class Report:
    """What a client saw, and when. Times are seconds since its first audio was sent."""

    client: str
    version: str
    interims: list[float] = field(default_factory=list)
    """When each interim result came."""
    finals: list[dict[str, float | str]] = field(default_factory=list)
    """Of each final: `text`, `at` (when it came), `end` (of its last word, on the call's clock)."""
    flushed: bool = False
    """Whether a request to end the open utterance was answered."""
    closed: str = ""
    """How the connection ended, as the client tells it."""
    errors: list[str] = field(default_factory=list)
    began: float = 0.0

    def now(self) -> float:
        """Return seconds since the first audio was sent."""
        return round(time.monotonic() - self.began, 3)

    def interim(self) -> None:
        """Note an interim result."""
        self.interims.append(self.now())

    def final(self, text: str, end: float) -> None:
        """Note a final whose last word ended at `end`, in seconds of the call."""
        self.finals.append({"text": text, "at": self.now(), "end": round(end, 3)})

    def write(self) -> None:
        """Print it for the suite."""
        print(json.dumps(asdict(self)))


def arguments() -> argparse.Namespace:
    """Read the command line: `url` of the gateway, without a path, and `audio`, a WAV file.

    `asked`: other parameters than a script's own, as a JSON object, if given.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--audio", required=True, type=Path)
    parser.add_argument("--asked", type=json.loads)
    return parser.parse_args(sys.argv[1:])


def frames(path: Path) -> tuple[bytes, int]:
    """Return the samples of a PCM16 WAV file with one channel, and its rate."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.readframes(file.getnframes()), file.getframerate()


async def spoken(path: Path, report: Report) -> AsyncIterator[bytes]:
    """Yield a file in pieces, each when it would have been spoken."""
    data, rate = frames(path)
    size = round(PIECE * rate) * 2
    report.began = time.monotonic()
    for number, begin in enumerate(range(0, len(data), size)):
        # A piece is whole when its last sample was spoken.
        due = report.began + (number + 1) * PIECE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        yield data[begin : begin + size]


async def until(condition: "asyncio.Event", seconds: float) -> bool:
    """Wait for an event; tell whether it came within `seconds`."""
    try:
        await asyncio.wait_for(condition.wait(), seconds)
    except TimeoutError:
        return False
    return True
