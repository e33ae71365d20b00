"""Pipecat's AssemblyAI service in a pipeline: only `api_endpoint_base_url` is ours."""

import asyncio
from importlib.metadata import version

from pipecat.frames.frames import TranscriptionFrame
from pipecat.services.assemblyai.stt import AssemblyAISTTService

from tests.clients import pipecat_pipeline
from tests.clients.pipecat_pipeline import pipeline, speak
from tests.clients.speaking import Report, arguments, frames, until


class Heard(pipecat_pipeline.Heard):
    """Reads the service's results."""

    def end_of(self, frame: TranscriptionFrame) -> float:
        """See `pipecat_pipeline.Heard`."""
        return float(frame.result.words[-1].end) / 1000


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

    async with pipeline(given.audio, report, service, Heard(report)) as task:
        await until(connected, 20)
        await speak(task, given.audio, report)
        report.flushed = await until(told, 20)


if __name__ == "__main__":
    asyncio.run(main())
