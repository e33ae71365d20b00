"""A voice bot that asks for a number and answers once all of it is said; a WAV file is the line."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator

import soundfile

from callscribe.client import Options, Slot, connect


async def line(path: str) -> AsyncIterator[bytes]:
    """Yield a recording of one channel in pieces of 20 ms, at its own pace."""
    due = time.monotonic()
    with soundfile.SoundFile(path) as file:
        for block in file.blocks(file.samplerate // 50, dtype="int16"):
            yield block.tobytes()
            due += len(block) / file.samplerate
            await asyncio.sleep(due - time.monotonic())


async def main(path: str, digits: str = "10", url: str = "ws://localhost:8000/ws/asr") -> None:
    """Ask for a number of `digits` digits, in groups and with corrections as they come."""
    options = Options(
        sample_rate=soundfile.info(path).samplerate,
        endpointing="turn",
        expect=f"#account digits {digits}",
        events=("slot",),
    )
    async with connect(url, options) as call:
        print(f"bot: What are the {digits} digits of your account?", flush=True)
        async for event in call.transcribe(line(path)):
            match event:
                case Slot(complete=True, is_final=False):  # in the pause behind the last digit
                    print(f"bot: Is it {' '.join(event.value)}?", flush=True)
                case Slot(complete=False, is_final=True, value=value) if value:
                    print(f"bot: I have {' '.join(value)} so far.", flush=True)
                case Slot(is_final=True):
                    print(f"account: {event.value}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
