"""Speak into the microphone and read along; Ctrl-C or --duration ends the call in order."""

import argparse
import signal
import time
from collections.abc import Iterator
from threading import Event

import sounddevice

from callscribe import sync
from callscribe.client import Error, Final, Options, Partial, Resumed

RATE = 16_000
PIECE = RATE // 10  # samples


def microphone(duration: float, ended: Event) -> Iterator[bytes]:
    """Yield PCM16 as it is recorded, for some seconds or until `ended`."""
    until = time.monotonic() + duration
    form = {"samplerate": RATE, "channels": 1, "dtype": "int16", "blocksize": PIECE}
    with sounddevice.RawInputStream(**form) as device:
        while time.monotonic() < until and not ended.is_set():
            samples, lost = device.read(PIECE)
            if lost:
                print("\n(some audio was lost: this machine is too busy)", flush=True)
            yield bytes(samples)


def show(event: object) -> None:
    """Print one event of the call."""
    match event:
        case Partial():
            print(f"\r\x1b[K… {event.text[-70:]}", end="", flush=True)
        case Final(text=text) if text:
            print(f"\r\x1b[K{event.start:7.1f} {text}", flush=True)
        case Resumed():
            print(f"\n(the connection was lost for {event.after_s:.1f} s)", flush=True)
        case Error():
            print(f"\n({event.message})", flush=True)


def main() -> None:
    """Transcribe the system's microphone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="ws://localhost:8000/ws/asr")
    parser.add_argument("--duration", type=float, default=float("inf"), help="seconds")
    given, ended = parser.parse_args(), Event()
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    with sync.connect(given.url, Options(sample_rate=RATE)) as call:
        for event in call.transcribe(microphone(given.duration, ended)):
            show(event)


if __name__ == "__main__":
    main()
