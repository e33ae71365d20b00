"""A voice bot that prepares its answer before its caller has ended; a WAV file is the line."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator

import soundfile

from callscribe.client import Options, TurnEagerEnd, TurnEnded, TurnResumed, connect


async def line(path: str) -> AsyncIterator[bytes]:
    """Yield a recording of one channel in pieces of 20 ms, at its own pace."""
    due = time.monotonic()
    with soundfile.SoundFile(path) as file:
        for block in file.blocks(file.samplerate // 50, dtype="int16"):
            yield block.tobytes()
            due += len(block) / file.samplerate
            await asyncio.sleep(due - time.monotonic())


async def answer(text: str) -> str:
    """Return what the bot says to a text; a real one asks a language model, which takes a while."""
    await asyncio.sleep(0.3)
    return f"You said: {text}"


async def main(path: str, url: str = "ws://localhost:8000/ws/asr") -> None:
    """Answer each turn of one call."""
    thinking: asyncio.Task[str] | None = None
    options = Options(
        sample_rate=soundfile.info(path).samplerate,
        endpointing="turn",
        eager_threshold=0.4,
        events=("turn_eager_end", "turn_resumed", "turn_ended"),
    )
    async with connect(url, options) as call:
        async for event in call.transcribe(line(path)):
            match event:
                case TurnEagerEnd():  # its text is that of the end, unless it is taken back
                    print(f"prepared: {event.text}", flush=True)
                    thinking = asyncio.create_task(answer(event.text))
                case TurnResumed() if thinking:
                    print("taken back", flush=True)
                    thinking.cancel()
                    thinking = None
                case TurnEnded(text=text) if text:
                    print(f"bot: {await (thinking or answer(text))}", flush=True)
                    thinking = None


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
