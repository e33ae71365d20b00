"""Pipecat's OpenAI Realtime service: its own VAD commits, as it does by default."""

import asyncio
from importlib.metadata import version

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.stt import OpenAIRealtimeSTTService

from tests.clients.speaking import Report, arguments, frames, spoken


class Heard(FrameProcessor):
    """Notes what comes out of the service."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.commits: list[float] = []
        """When the speech of each turn ended that the client has committed."""
        self.finals: list[str] = []
        self._seconds = 0.0
        self._report = report

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See `FrameProcessor`."""
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self.commits.append(self._report.now() - frame.stop_secs)
        elif isinstance(frame, InterimTranscriptionFrame):
            self._report.interim()
        elif isinstance(frame, TranscriptionFrame):
            self._report.final(frame.text, self.commits[len(self.finals)])
            self.finals.append(frame.text)
            self._count(frame.result["usage"]["seconds"])
        elif isinstance(frame, ErrorFrame):
            self._report.errors.append(frame.error)
        await self.push_frame(frame, direction)

    def _count(self, seconds: float) -> None:
        self._seconds += seconds
        # Each commit has all audio since the last one.
        if abs(self._seconds - self.commits[len(self.finals) - 1]) > 1.0:
            self._report.errors.append(f"usage of {self._seconds} s at {self.commits}")


async def main() -> None:
    """Speak the recording and print the report."""
    given = arguments()
    _, rate = frames(given.audio)
    report = Report("pipecat OpenAIRealtimeSTTService", version("pipecat-ai"))
    service = OpenAIRealtimeSTTService(api_key="a-key", base_url=f"{given.url}/v1/realtime")
    heard = Heard(report)
    task = PipelineTask(
        Pipeline([VADProcessor(vad_analyzer=SileroVADAnalyzer()), service, heard]),
        params=PipelineParams(audio_in_sample_rate=rate),
    )
    running = asyncio.create_task(PipelineRunner(handle_sigint=False).run(task))
    while not service._session_ready:
        await asyncio.sleep(0.05)
    async for piece in spoken(given.audio, report):
        await task.queue_frame(InputAudioRawFrame(piece, rate, 1))
    for _ in range(200):
        if len(heard.finals) == len(heard.commits):
            break
        await asyncio.sleep(0.1)
    report.flushed = len(heard.finals) == len(heard.commits) > 1
    await task.queue_frame(EndFrame())
    await asyncio.wait_for(running, 20)
    report.closed = "pipeline ended"
    report.write()


if __name__ == "__main__":
    asyncio.run(main())
