"""Pipecat's Flux service in a pipeline: only `url` is ours."""

import asyncio
from importlib.metadata import version

from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService

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
            self._report.final(frame.text, frame.result["audio_window_end"])
        elif isinstance(frame, ErrorFrame):
            self._report.errors.append(frame.error)
        await self.push_frame(frame, direction)


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

    task = PipelineTask(
        Pipeline([service, Heard(report)]), params=PipelineParams(audio_in_sample_rate=rate)
    )
    running = asyncio.create_task(PipelineRunner(handle_sigint=False).run(task))
    while not service._connection_established_event.is_set():
        await asyncio.sleep(0.05)
    async for piece in spoken(given.audio, report):
        await task.queue_frame(InputAudioRawFrame(piece, rate, 1))
    report.flushed = await until(told, 20)
    await task.queue_frame(EndFrame())
    await asyncio.wait_for(running, 20)
    report.closed = "pipeline ended"
    report.write()


if __name__ == "__main__":
    asyncio.run(main())
