"""LiveKit's Deepgram plugin, as an agent uses it: only `base_url` is ours."""

import asyncio
from importlib.metadata import version

import aiohttp
from livekit import rtc
from livekit.agents import stt
from livekit.plugins import deepgram

from tests.clients.speaking import Report, arguments, frames, spoken, until


async def main() -> None:
    """Speak the recording and print the report."""
    given = arguments()
    _, rate = frames(given.audio)
    report = Report("livekit-plugins-deepgram", version("livekit-plugins-deepgram"))
    base = given.url.replace("ws", "http", 1) + "/v1/listen"
    async with aiohttp.ClientSession() as session:
        recogniser = deepgram.STT(
            api_key="a-key",
            base_url=base,
            http_session=session,
            sample_rate=rate,
            keyterm=["Dashwood"],
        )
        stream = recogniser.stream()
        heard: list[stt.SpeechEventType] = []
        flushed = asyncio.Event()
        process = stream._process_stream_event

        def watched(message: dict[str, object]) -> None:
            # The plugin tells nobody that a Finalize was answered.
            if message.get("from_finalize"):
                flushed.set()
            process(message)

        stream._process_stream_event = watched

        async def listen() -> None:
            async for event in stream:
                heard.append(event.type)
                if event.type is stt.SpeechEventType.INTERIM_TRANSCRIPT:
                    report.interim()
                elif event.type is stt.SpeechEventType.FINAL_TRANSCRIPT:
                    best = event.alternatives[0]
                    report.final(best.text, best.end_time)

        listening = asyncio.create_task(listen())
        async for piece in spoken(given.audio, report):
            stream.push_frame(rtc.AudioFrame(piece, rate, 1, len(piece) // 2))
        stream.flush()
        report.flushed = await until(flushed, 20)
        stream.end_input()
        await asyncio.wait_for(listening, 20)
        begun, ended = (
            heard.count(kind)
            for kind in (stt.SpeechEventType.START_OF_SPEECH, stt.SpeechEventType.END_OF_SPEECH)
        )
        if begun != ended:
            report.errors.append(f"{begun} starts of speech, {ended} ends")
        report.closed = "stream ended"
        await stream.aclose()
    report.write()


if __name__ == "__main__":
    asyncio.run(main())
