"""Pipecat's Flux service in a pipeline: only `url` is ours."""

import asyncio
from importlib.metadata import version

from pipecat.frames.frames import TranscriptionFrame
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService

from tests.clients import pipecat_pipeline
from tests.clients.pipecat_pipeline import pipeline, speak
from tests.clients.speaking import Report, arguments, frames, until


class Heard(pipecat_pipeline.Heard):
    """Reads the service's results."""

    def end_of(self, frame: TranscriptionFrame) -> float:
        """See `pipecat_pipeline.Heard`."""
        return float(frame.result["audio_window_end"])


async def main() -> None:
    """Speak the recording and print the report."""
    given = arguments()
    _, rate = frames(given.audio)
    report = Report("pipecat DeepgramFluxSTTService", version("pipecat-ai"))
    service = DeepgramFluxSTTService(
        api_key="a-key",
        url=f"{given.url}/v2/listen",
        sample_rate=rate,
        enable_eager_end_of_turn=True,
    )
    told = asyncio.Event()

    @service.event_handler("on_end_of_turn")
    async def ended(_: DeepgramFluxSTTService, transcript: str) -> None:
        told.set()

    async with pipeline(given.audio, report, service, Heard(report)) as task:
        while not service._connection_established_event.is_set():
            await asyncio.sleep(0.05)
        await speak(task, given.audio, report)
        report.flushed = await until(told, 20)


if __name__ == "__main__":
    asyncio.run(main())
