"""Python client of the native protocol, `/ws/asr`; `callscribe.sync` is the one without asyncio.

    async with connect("ws://localhost:8000/ws/asr", Options(sample_rate=8000)) as call:
        async for event in call.transcribe(microphone):    # an async iterable of bytes
            print(event)

or, sending and reading in tasks of one's own:

        await call.send(pcm)
        await call.finalize()
        async for event in call: ...

A broken connection is not the end of the call: the client reconnects, to any of the URLs, resumes,
sends again what the server lacks, and tells of it by a `Resumed` event. What a caller can rely on:

- Audio. Every frame that `send` has taken is recognised exactly once, and every `flush`,
  `configure` and `finalize` takes effect once and in its place, as long as a server is reached
  again within `patience` here and `--resume-s` there, and has what is no longer kept here.
  Kept is what no server has acknowledged as stored, `ring_s` seconds at most: then `send` waits.
  Nothing is ever dropped to make room; a source that cannot wait must choose what to drop itself.
- Otherwise sending and iterating raise which of this does not hold: Disconnected (nobody reached
  in time; with `audio_s` and `seq`), SessionLost (the server forgot the call, or needs audio that
  is no longer kept), ResumedElsewhere. Audio that the servers lost between them is a `Gap`, for
  those who ask for it.
- Events. Finals, words and the events asked for come exactly once and in the server's order;
  no partial comes after its final. What arrived before an error is read before it is raised.

Times in events are seconds of audio since the call began, not of the clock.
"""

from callscribe.client.call import Call, connect
from callscribe.client.errors import (
    Disconnected,
    GoingAway,
    Refused,
    ResumedElsewhere,
    ServerError,
    SessionLost,
)
from callscribe.client.messages import (
    AudioAck,
    Changes,
    Error,
    Event,
    Final,
    Gap,
    Lag,
    Options,
    Partial,
    Resumed,
    SpeechEnded,
    SpeechStarted,
    Word,
    Words,
)

__all__ = [
    "AudioAck",
    "Call",
    "Changes",
    "Disconnected",
    "Error",
    "Event",
    "Final",
    "Gap",
    "GoingAway",
    "Lag",
    "Options",
    "Partial",
    "Refused",
    "Resumed",
    "ResumedElsewhere",
    "ServerError",
    "SessionLost",
    "SpeechEnded",
    "SpeechStarted",
    "Word",
    "Words",
    "connect",
]
