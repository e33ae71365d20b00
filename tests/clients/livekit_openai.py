"""LiveKit's OpenAI plugin, as an agent uses it: only `base_url` is ours.

The server detects turns. `livekit_openai_commits` is a model whose turns the plugin commits.
"""

import asyncio
from importlib.metadata import version

import aiohttp
from livekit import rtc
from livekit.agents import stt, vad
from livekit.plugins import openai

from tests.clients.speaking import Report, arguments, frames, spoken

SILENCE = 0.5
"""Seconds without speech that end a turn, as the server detects it."""


async def listen(stream: stt.SpeechStream, report: Report, silence: float) -> None:
    """Note what the plugin says; END_OF_SPEECH comes `silence` seconds after the speech."""
    ended, begun = 0.0, 0
    async for event in stream:
        match event.type:
            case stt.SpeechEventType.START_OF_SPEECH:
                begun += 1
            case stt.SpeechEventType.END_OF_SPEECH:
                begun -= 1
                ended = report.now() - silence
            case stt.SpeechEventType.INTERIM_TRANSCRIPT:
                report.interim()
            case stt.SpeechEventType.FINAL_TRANSCRIPT:
                report.final(event.alternatives[0].text, ended)
    if begun:
        report.errors.append(f"{begun} more starts than ends of speech")


async def main(model: str, name: str, detector: vad.VAD | None, silence: float) -> None:
    """Speak the recording and print the report. `detector` finds the turns to commit."""
    given = arguments()
    _, rate = frames(given.audio)
    report = Report(name, version("livekit-plugins-openai"))
    base = given.url.replace("ws", "http", 1) + "/v1"
    turns = {"type": "server_vad", "silence_duration_ms": round(SILENCE * 1000)}
    async with aiohttp.ClientSession() as session:
        recogniser = openai.STT(
            model=model,
            use_realtime=True,
            api_key="a-key",
            base_url=base,
            vad=detector,
            **({} if detector else {"turn_detection": turns}),
        )
        recogniser._session = session
        stream = recogniser.stream()
        listening = asyncio.create_task(listen(stream, report, silence))
        async for piece in spoken(given.audio, report):
            stream.push_frame(rtc.AudioFrame(piece, rate, 1, len(piece) // 2))
        # The recording ends with a pause; a final that is late is still to come.
        await asyncio.sleep(2)
        report.flushed = detector is None or bool(report.finals)
        await stream.aclose()
        await asyncio.gather(listening, return_exceptions=True)
        await recogniser.aclose()
        report.closed = "stream ended"
    report.write()


if __name__ == "__main__":
    asyncio.run(
        main("gpt-4o-transcribe", "livekit-plugins-openai, server_vad", None, silence=SILENCE)
    )
