"""A sound card without hardware: ALSA's `file` device, which PortAudio takes for a microphone.

The device reads a pipe, into which a thread of the test speaks at the pace of speech. One write is
one block of the program's stream, because the device takes a short read for a whole block.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain, repeat
from pathlib import Path

import pytest

from tests.integration.pipeline.calls import split

_CONFIGURATION = """
pcm.nothing { type null }
pcm.line {
    type file
    slave.pcm "nothing"
    file "/dev/null"
    infile "%(pipe)s"
    format "raw"
    hint { show on description "a line" }
}
pcm.!default "line"
"""


def needed() -> None:
    """Skip the test where PortAudio or its package is missing."""
    if find_spec("sounddevice") is None:
        pytest.skip("sounddevice is not installed")
    try:
        import sounddevice  # noqa: F401
    except OSError:
        pytest.skip("PortAudio is not installed")


@contextmanager
def soundcard(
    directory: Path, speech: bytes, *, block: int, seconds: float
) -> Iterator[Mapping[str, str]]:
    """Speak PCM16 and then silence into a card; yield the environment of programs that have it.

    `block` is the bytes of a block, 4096 at most, which last `seconds`.
    """
    pipe, configuration = directory / "line", directory / "asound.conf"
    os.mkfifo(pipe)
    configuration.write_text(_CONFIGURATION % {"pipe": pipe})
    # Open for reading, too: a device that is opened to be looked at must not wait for a writer.
    descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 4096)
    ended = threading.Event()
    speaking = threading.Thread(target=_speak, args=(descriptor, speech, block, seconds, ended))
    speaking.start()
    try:
        yield {**os.environ, "ALSA_CONFIG_PATH": str(configuration)}
    finally:
        ended.set()
        speaking.join()
        os.close(descriptor)


def _speak(
    descriptor: int, speech: bytes, block: int, seconds: float, ended: threading.Event
) -> None:
    padded = speech + bytes(-len(speech) % block)
    for piece in chain(split(padded, block), repeat(bytes(block))):
        if ended.wait(seconds):
            return
        while not ended.is_set():
            try:
                os.write(descriptor, piece)
                break
            except BlockingIOError:  # nobody listens yet
                time.sleep(seconds / 10)
