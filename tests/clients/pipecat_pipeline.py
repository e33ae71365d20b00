"""What the scripts of pipecat's services share: a pipeline that hears a recording."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

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

from tests.clients.speaking import Report, frames, spoken


class Heard(FrameProcessor):
    """Notes what comes out of a service."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    def end_of(self, frame: TranscriptionFrame) -> float:
        """Return when the last word of a final ended, in seconds of the call."""
        raise NotImplementedError

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See `FrameProcessor`."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InterimTranscriptionFrame):
            self._report.interim()
        elif isinstance(frame, TranscriptionFrame):
            self._report.final(frame.text, self.end_of(frame))
        elif isinstance(frame, ErrorFrame):
            self._report.errors.append(frame.error)
        await self.push_frame(frame, direction)


@asynccontextmanager
async def pipeline(
    audio: Path, report: Report, *processors: FrameProcessor
) -> AsyncGenerator[PipelineTask]:
    """Run a pipeline that hears audio at the rate of the file; end it, and print the report."""
    _, rate = frames(audio)
    task = PipelineTask(Pipeline([*processors]), params=PipelineParams(audio_in_sample_rate=rate))
    running = asyncio.create_task(PipelineRunner(handle_sigint=False).run(task))
    yield task
    await task.queue_frame(EndFrame())
    await asyncio.wait_for(running, 20)
    report.closed = "pipeline ended"
    report.write()


async def speak(task: PipelineTask, audio: Path, report: Report) -> None:
    """Feed the recording to a pipeline, at the pace of speech."""
    _, rate = frames(audio)
    async for piece in spoken(audio, report):
        await task.queue_frame(InputAudioRawFrame(piece, rate, 1))
