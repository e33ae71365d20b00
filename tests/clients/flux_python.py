"""Deepgram's SDK for Python at `/v2/listen`: turns, Configure, ForceEndTurn, CloseStream."""

import asyncio
from importlib.metadata import version
from typing import Any

from deepgram import AsyncDeepgramClient, DeepgramClientEnvironment
from deepgram.core.events import EventType
from deepgram.listen.v2.types import (
    ListenV2Configure,
    ListenV2ConfigureSuccess,
    ListenV2TurnInfo,
    ListenV2Warning,
)

from tests.clients.speaking import Report, arguments, frames, spoken, until
from tests.turn_invariants import flux_breaches


async def main() -> None:
    """Speak the recording and print the report."""
    given = arguments()
    _, rate = frames(given.audio)
    report = Report("deepgram-sdk (Python), Flux", version("deepgram-sdk"))
    configured, forced = asyncio.Event(), asyncio.Event()
    messages: list[dict[str, object]] = []

    def heard(message: Any) -> None:
        messages.append(message.dict(exclude_none=True))
        if isinstance(message, ListenV2ConfigureSuccess):
            configured.set()
        elif isinstance(message, ListenV2Warning):
            report.errors.append(message.description)
        elif isinstance(message, ListenV2TurnInfo) and message.event == "EndOfTurn":
            report.final(message.transcript, message.words[-1].end or message.audio_window_end)
            if message.trigger == "manual":
                forced.set()
        elif isinstance(message, ListenV2TurnInfo) and message.event == "Update":
            report.interim()

    here = given.url
    client = AsyncDeepgramClient(
        api_key="a-key",
        environment=DeepgramClientEnvironment(
            base=here.replace("ws", "http", 1), production=here, agent=here, agent_rest=here
        ),
    )
    async with client.listen.v2.connect(
        model="flux-general-en",
        encoding="linear16",
        sample_rate=rate,
        eager_eot_threshold=0.4,
        keyterm=["Dashwood"],
    ) as connection:
        connection.on(EventType.MESSAGE, heard)
        connection.on(EventType.ERROR, lambda error: report.errors.append(repr(error)))
        listening = asyncio.create_task(connection.start_listening())
        changed = ListenV2Configure(thresholds={"eot_threshold": 0.8}, keyterms=["Dashwood"])
        await connection.send_configure(changed)
        async for piece in spoken(given.audio, report):
            await connection.send_media(piece)
        # The end of a turn that nobody has finished.
        data, _ = frames(given.audio)
        await connection.send_media(data[: 4 * rate])
        await connection.send_force_end_turn()
        report.flushed = await until(forced, 20)
        report.finals.pop()  # it was said before, and is not in the reference
        await connection.send_close_stream()
        await asyncio.wait_for(listening, 20)
        code = connection._websocket.close_code
    report.errors += flux_breaches(messages)
    events = {str(message.get("event")) for message in messages}
    eager = "EagerEndOfTurn" in events
    report.closed = f"{code}, configured: {configured.is_set()}, eager: {eager}"
    report.write()


if __name__ == "__main__":
    asyncio.run(main())
