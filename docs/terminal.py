"""Record `callscribe transcribe` on the beginning of the sample call, for the documents.

``make screenshots``, or ``python -m docs.terminal``, starts a stack, runs the command in a terminal
and writes docs/images/transcribe.cast (asciicast v2, for asciinema) and docs/images/transcribe.svg.
``python -m docs.terminal --draw`` draws the picture again from the recording that is there.
"""

import codecs
import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import soundfile

from callscribe import sample
from docs import stack
from docs.terminal_picture import Recording, read, svg, written

CAST, PICTURE = stack.IMAGES / "transcribe.cast", stack.IMAGES / "transcribe.svg"
TITLE = (
    "A terminal in which callscribe transcribes a call as it is spoken: the open utterance of each "
    "speaker changes in place below the finished ones, and the latencies follow at the end"
)
COMMAND = "callscribe transcribe call.wav"
WIDTH, HEIGHT = 100, 24
SECONDS = 21.9
"""How much of the sample call is played: up to a pause."""


def record(command: list[str], cwd: Path) -> Recording:
    """Run a command in a terminal; return what it showed. CalledProcessError if it fails."""
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(stack.ROOT)}
    env.pop("NO_COLOR", None)
    process = subprocess.Popen(command, cwd=cwd, env=env, stdin=its, stdout=its, stderr=its)
    os.close(its)
    parts = [(0.0, f"$ {COMMAND}\r\n")]
    decode = codecs.getincrementaldecoder("utf-8")().decode
    begun = None
    while data := _read(mine):
        begun = begun or time.monotonic()
        parts.append((time.monotonic() - begun + 0.5, decode(data)))
    os.close(mine)
    if process.wait() != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Recording(WIDTH, HEIGHT, parts)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other side was closed
        return b""


def main() -> None:
    """Record, unless told to draw only, and draw."""
    if "--draw" not in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder, stack.running() as port:
            audio, rate = soundfile.read(sample.AUDIO, stop=round(SECONDS * 8_000))
            soundfile.write(Path(folder) / "call.wav", audio, rate)
            url = f"ws://127.0.0.1:{port}/ws/asr"
            words = COMMAND.split()[1:]
            command = [sys.executable, "-m", "callscribe", *words, "--url", url]
            CAST.write_text(written(record(command, Path(folder))))
    PICTURE.write_text(svg(read(CAST.read_text()), TITLE))


if __name__ == "__main__":
    main()
