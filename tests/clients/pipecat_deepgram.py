"""Pipecat's Deepgram service in a pipeline: only `base_url` is ours."""

import asyncio
from importlib.metadata import version

from pipecat.frames.frames import (
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.services.deepgram.stt import DeepgramSTTService

from tests.clients import pipecat_pipeline
from tests.clients.pipecat_pipeline import pipeline, speak
from tests.clients.speaking import Report, arguments, frames, until


class Heard(pipecat_pipeline.Heard):
    """Reads the service's results."""

    def end_of(self, frame: TranscriptionFrame) -> float:
        """See `pipecat_pipeline.Heard`."""
        return float(frame.result.channel.alternatives[0].words[-1].end)


class Service(DeepgramSTTService):
    """The service, which also tells when a Finalize was answered."""

    def __init__(self, base_url: str, rate: int) -> None:
        super().__init__(api_key="a-key", base_url=base_url, sample_rate=rate)
        self.finalized = asyncio.Event()

    def confirm_finalize(self) -> None:
        """See `STTService`."""
        super().confirm_finalize()
        self.finalized.set()


async def main() -> None:
    """Speak the recording and print the report."""
    given = arguments()
    _, rate = frames(given.audio)
    report = Report("pipecat DeepgramSTTService", version("pipecat-ai"))
    service = Service(given.url, rate)
    async with pipeline(given.audio, report, service, Heard(report)) as task:
        while service._connection is None:
            await asyncio.sleep(0.05)
        await speak(task, given.audio, report)
        await task.queue_frame(VADUserStartedSpeakingFrame())
        await task.queue_frame(VADUserStoppedSpeakingFrame())
        report.flushed = await until(service.finalized, 20)


if __name__ == "__main__":
    asyncio.run(main())
