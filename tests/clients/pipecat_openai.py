"""Pipecat's OpenAI Realtime service: its own VAD commits, as it does by default."""

import asyncio
from importlib.metadata import version

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import Frame, TranscriptionFrame, VADUserStoppedSpeakingFrame
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.openai.stt import OpenAIRealtimeSTTService

from tests.clients import pipecat_pipeline
from tests.clients.pipecat_pipeline import pipeline, speak
from tests.clients.speaking import Report, arguments


class Heard(pipecat_pipeline.Heard):
    """Reads the service's results, and what the client commits."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.commits: list[float] = []
        """When the speech of each turn ended that the client has committed."""
        self.finals: list[str] = []
        self._seconds = 0.0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See `FrameProcessor`."""
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self.commits.append(self._report.now() - frame.stop_secs)
        await super().process_frame(frame, direction)

    def end_of(self, frame: TranscriptionFrame) -> float:
        """See `pipecat_pipeline.Heard`; each final is counted."""
        end = self.commits[len(self.finals)]
        self.finals.append(frame.text)
        self._count(frame.result["usage"]["seconds"])
        return end

    def _count(self, seconds: float) -> None:
        self._seconds += seconds
        # Each commit has all audio since the last one.
        if abs(self._seconds - self.commits[len(self.finals) - 1]) > 1.0:
            self._report.errors.append(f"usage of {self._seconds} s at {self.commits}")


async def main() -> None:
    """Speak the recording and print the report."""
    given = arguments()
    report = Report("pipecat OpenAIRealtimeSTTService", version("pipecat-ai"))
    service = OpenAIRealtimeSTTService(api_key="a-key", base_url=f"{given.url}/v1/realtime")
    heard = Heard(report)
    vad = VADProcessor(vad_analyzer=SileroVADAnalyzer())
    async with pipeline(given.audio, report, vad, service, heard) as task:
        while not service._session_ready:
            await asyncio.sleep(0.05)
        await speak(task, given.audio, report)
        for _ in range(200):
            if len(heard.finals) == len(heard.commits):
                break
            await asyncio.sleep(0.1)
        report.flushed = len(heard.finals) == len(heard.commits) > 1


if __name__ == "__main__":
    asyncio.run(main())
