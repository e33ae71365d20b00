"""Deepgram's SDK for Python: interim results, Finalize, CloseStream."""

import asyncio
from importlib.metadata import version

from deepgram import AsyncDeepgramClient, DeepgramClientEnvironment
from deepgram.core.events import EventType
from deepgram.listen.v1.types import ListenV1Metadata, ListenV1Results

from tests.clients.speaking import Report, arguments, frames, spoken, until

USUAL = {"punctuate": "true", "smart_format": "true", "keyterm": ["Dashwood"]}


async def main() -> None:
    """Speak the recording and print the report."""
    given = arguments()
    _, rate = frames(given.audio)
    report = Report("deepgram-sdk (Python)", version("deepgram-sdk"))
    flushed, told = asyncio.Event(), asyncio.Event()

    def heard(message: object) -> None:
        if isinstance(message, ListenV1Results):
            best = message.channel.alternatives[0]
            if not message.is_final:
                report.interim()
            elif best.transcript:
                *_, last = best.words
                speaker = "" if last.speaker is None else f"speaker {last.speaker}: "
                report.final(speaker + best.transcript, last.end)
            if message.from_finalize:
                flushed.set()
        elif isinstance(message, ListenV1Metadata):
            told.set()

    here = given.url
    client = AsyncDeepgramClient(
        api_key="a-key",
        environment=DeepgramClientEnvironment(
            base=here.replace("ws", "http", 1), production=here, agent=here, agent_rest=here
        ),
    )
    asked = USUAL if given.asked is None else given.asked
    async with client.listen.v1.connect(
        model="nova-3",
        language="en",
        encoding="linear16",
        sample_rate=rate,
        channels=1,
        interim_results="true",
        utterance_end_ms=1000,
        vad_events="true",
        endpointing=500,
        **asked,
    ) as connection:
        connection.on(EventType.MESSAGE, heard)
        connection.on(EventType.ERROR, lambda error: report.errors.append(repr(error)))
        listening = asyncio.create_task(connection.start_listening())
        async for piece in spoken(given.audio, report):
            await connection.send_media(piece)
        await connection.send_finalize()
        report.flushed = await until(flushed, 20)
        await connection.send_keep_alive()
        await connection.send_close_stream()
        await asyncio.wait_for(listening, 20)
        report.closed = f"{connection._websocket.close_code}, metadata: {told.is_set()}"
    report.write()


if __name__ == "__main__":
    asyncio.run(main())
