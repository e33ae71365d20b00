"""A voice bot whose caller may interrupt it; a WAV file is the line, and printing is playing."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator

import soundfile

from callscribe.client import Final, Keyword, Options, SpeechStarted, connect

GREETING = "Hello, you may ask about your bill, and interrupt me whenever you like."


class Voice:
    """What the bot says; a real one plays audio here."""

    _playing: asyncio.Task[None] | None = None

    def say(self, text: str) -> None:
        """Start to play `text`, in place of what is playing."""
        self.stop()
        print(f"bot: {text}", flush=True)
        self._playing = asyncio.create_task(asyncio.sleep(len(text) / 5))  # s

    def stop(self) -> bool:
        """Stop playing immediately; return whether anything was playing."""
        return self._playing is not None and self._playing.cancel()


async def line(path: str) -> AsyncIterator[bytes]:
    """Yield a recording of one channel in pieces of 20 ms, at its own pace."""
    due = time.monotonic()
    with soundfile.SoundFile(path) as file:
        for block in file.blocks(file.samplerate // 50, dtype="int16"):
            yield block.tobytes()
            due += len(block) / file.samplerate
            await asyncio.sleep(due - time.monotonic())


async def main(path: str, url: str = "ws://localhost:8000/ws/asr") -> None:
    """Answer one call."""
    voice, topic, rate = Voice(), "", soundfile.info(path).samplerate
    options = Options(sample_rate=rate, keywords=("bill",), events=("speech_started", "keyword"))
    async with connect(url, options) as call:
        voice.say(GREETING)
        async for event in call.transcribe(line(path)):
            match event:
                case SpeechStarted() if voice.stop():
                    print(f"interrupted, {event.at:.1f} s into the call", flush=True)
                case Keyword():
                    topic = event.keyword
                case Final(text=text) if text:
                    print(f"caller: {text}", flush=True)
                    voice.say(f"I look at your {topic}." if topic else "Please go on.")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
