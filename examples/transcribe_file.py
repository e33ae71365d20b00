"""Captions of a recording: who said what and when, as SRT.

A recording with two channels is a call of two parties. Each channel is recognised on its own, and
each caption has the name of its speaker.
"""

import sys
from collections.abc import Iterator
from urllib.parse import urlsplit
from urllib.request import urlopen

import soundfile

from callscribe import sync
from callscribe.client import Error, Options


def audio(file: soundfile.SoundFile) -> Iterator[bytes]:
    """Yield PCM16, a second at a time. The server takes it faster than it was spoken."""
    for block in file.blocks(file.samplerate, dtype="int16"):
        yield block.tobytes()


def main(path: str, url: str = "ws://localhost:8000/ws/asr", names: str = "agent,customer") -> None:
    """Transcribe `path`; `names` has one name for each channel."""
    with soundfile.SoundFile(path) as file:
        options = Options(
            sample_rate=file.samplerate,
            channels=file.channels,
            channel_labels=tuple(names.split(",")[: file.channels]),
            interim_results=False,
            words=True,  # captions are cut at the times of words
        )
        with sync.connect(url, options) as call:
            for event in call.transcribe(audio(file)):
                if isinstance(event, Error):
                    print(event.message, file=sys.stderr)
            session = call.session_id
    server = urlsplit(url)
    http = "https" if server.scheme == "wss" else "http"
    captions = f"{http}://{server.netloc}/v1/sessions/{session}/transcript?format=srt"
    with urlopen(captions) as answer:
        print(answer.read().decode(), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
