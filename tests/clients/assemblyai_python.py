"""AssemblyAI's SDK for Python: turns, UpdateConfiguration, ForceEndpoint, Terminate.

With a `key` asked, it connects with a temporary token that the SDK makes of it.
"""

import asyncio
from importlib.metadata import version
from typing import Any

from assemblyai.streaming.v3 import (
    AsyncStreamingClient,
    StreamingClientOptions,
    StreamingEvents,
    StreamingParameters,
    StreamingSessionParameters,
)

from tests.clients.speaking import Report, arguments, frames, spoken, until
from tests.turn_invariants import assemblyai_breaches


async def options(url: str, key: str | None) -> StreamingClientOptions:
    """Return how to connect: with any key, or with a token."""
    if key is None:
        return StreamingClientOptions(api_host=url, api_key="a-key", connect_timeout=10)
    server = AsyncStreamingClient(StreamingClientOptions(api_host=url, api_key=key))
    token = await server.create_temporary_token(expires_in_seconds=60)
    return StreamingClientOptions(api_host=url, token=token, connect_timeout=10)


async def main() -> None:
    """Speak the recording and print the report."""
    given = arguments()
    data, rate = frames(given.audio)
    report = Report("assemblyai (Python)", version("assemblyai"))
    messages: list[dict[str, object]] = []
    forced, terminated = asyncio.Event(), asyncio.Event()

    def heard(_: AsyncStreamingClient, event: Any) -> None:
        messages.append(event.model_dump(exclude_none=True))
        kind = type(event).__name__
        if kind in ("ErrorEvent", "WarningEvent"):
            report.errors.append(repr(event))
        elif kind == "TerminationEvent":
            terminated.set()
        elif kind == "TurnEvent" and event.end_of_turn:
            report.final(event.transcript, event.words[-1].end / 1000)
            if event.end_of_turn_confidence == 1:
                forced.set()
        elif kind == "TurnEvent":
            report.interim()

    key = given.asked["key"] if given.asked else None
    client = AsyncStreamingClient(await options(given.url, key))
    for event in StreamingEvents:
        client.on(event, heard)
    wanted = StreamingParameters(
        sample_rate=rate, keyterms_prompt=["Dashwood"], format_turns=True, language_codes=["en"]
    )
    await client.connect(wanted)
    await client.set_params(StreamingSessionParameters(min_turn_silence=300))
    async for piece in spoken(given.audio, report):
        await client.stream(piece)
    # The end of a turn that nobody has finished.
    await client.stream(data[: 4 * rate])
    await client.force_endpoint()
    report.flushed = await until(forced, 20)
    report.finals.pop()  # it was said before, and is not in the reference
    await client.keep_alive()
    await client.disconnect(terminate=True)
    report.errors += assemblyai_breaches(messages)
    report.closed = f"terminated: {terminated.is_set()}"
    report.write()


if __name__ == "__main__":
    asyncio.run(main())
