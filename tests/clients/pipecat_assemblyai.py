"""Pipecat's AssemblyAI service in a pipeline: only `api_endpoint_base_url` is ours."""

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
from pipecat.services.assemblyai.stt import AssemblyAISTTService

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
            self._report.final(frame.text, frame.result.words[-1].end / 1000)
        elif isinstance(frame, ErrorFrame):
            self._report.errors.append(frame.error)
        await self.push_frame(frame, direction)


async def main() -> None:
    """Speak the recording and print the report."""
    given = arguments()
    _, rate = frames(given.audio)
    report = Report("pipecat AssemblyAISTTService", version("pipecat-ai"))
    service = AssemblyAISTTService(
        api_key="a-key",
        api_endpoint_base_url=f"{given.url}/v3/ws",
        sample_rate=rate,
        vad_force_turn_endpoint=False,
        settings=AssemblyAISTTService.Settings(model="u3-rt-pro"),
    )
    connected, told = asyncio.Event(), asyncio.Event()

    @service.event_handler("on_connected")
    async def begun(*_: object) -> None:
        connected.set()

    @service.event_handler("on_end_of_turn")
    async def ended(*_: object) -> None:
        told.set()

    task = PipelineTask(
        Pipeline([service, Heard(report)]), params=PipelineParams(audio_in_sample_rate=rate)
    )
    running = asyncio.create_task(PipelineRunner(handle_sigint=False).run(task))
    await until(connected, 20)
    async for piece in spoken(given.audio, report):
        await task.queue_frame(InputAudioRawFrame(piece, rate, 1))
    report.flushed = await until(told, 20)
    await task.queue_frame(EndFrame())
    await asyncio.wait_for(running, 20)
    report.closed = "pipeline ended"
    report.write()


if __name__ == "__main__":
    asyncio.run(main())
