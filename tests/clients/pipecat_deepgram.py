"""Pipecat's Deepgram service in a pipeline: only `base_url` is ours."""

import asyncio
from importlib.metadata import version

from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.deepgram.stt import DeepgramSTTService

from tests.clients.speaking import Report, arguments, frames, spoken, until


class Heard(FrameProcessor):
    """Notes what comes out of the service."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See `FrameProcessor`."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InterimTranscriptionFrame):
            self._report.interim()
        elif isinstance(frame, TranscriptionFrame):
            words = frame.result.channel.alternatives[0].words
            self._report.final(frame.text, words[-1].end)
        elif isinstance(frame, ErrorFrame):
            self._report.errors.append(frame.error)
        await self.push_frame(frame, direction)


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
    task = PipelineTask(
        Pipeline([service, Heard(report)]), params=PipelineParams(audio_in_sample_rate=rate)
    )
    running = asyncio.create_task(PipelineRunner(handle_sigint=False).run(task))
    while service._connection is None:
        await asyncio.sleep(0.05)
    async for piece in spoken(given.audio, report):
        await task.queue_frame(InputAudioRawFrame(piece, rate, 1))
    await task.queue_frame(VADUserStartedSpeakingFrame())
    await task.queue_frame(VADUserStoppedSpeakingFrame())
    report.flushed = await until(service.finalized, 20)
    await task.queue_frame(EndFrame())
    await asyncio.wait_for(running, 20)
    report.closed = "pipeline ended"
    report.write()


if __name__ == "__main__":
    asyncio.run(main())
