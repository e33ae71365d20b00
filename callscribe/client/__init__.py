"""Python client of the native protocol, `/ws/asr`; `callscribe.sync` is the one without asyncio.

    async with connect("ws://localhost:8000/ws/asr", Options(sample_rate=8000)) as call:
        async for event in call.transcribe(microphone):    # an async iterable of bytes
            print(event)

or, sending and reading in tasks of one's own:

        await call.send(pcm)
        await call.finalize()
        async for event in call: ...

A broken connection does not end the call: the client reconnects to any of the URLs, resumes, sends
again what the server lacks, and yields a `Resumed` event. A caller can rely on this:

- Audio. Every frame given to `send` is recognised exactly once, and every `flush`, `configure` and
  `finalize` takes effect once and in its place. The condition: the client reaches a server again
  within `patience` here and `--resume-s` there, and that server has the audio that is no longer
  kept here. Audio is kept until a server acknowledges it as stored, `replay_s` seconds at most:
  then `send` waits. Nothing is dropped to make room; a source that cannot wait must itself choose
  what to drop.
- Otherwise sending and iterating raise the reason: Disconnected (no server reached in time; with
  `audio_s` and `seq`), SessionLost (the server forgot the call, or needs audio that is no longer
  kept), ResumedElsewhere. Audio that the servers lost is a `Gap` event, if requested.
- Events. Finals, words and the requested events come exactly once and in the server's order; no
  partial comes after its final. Events that arrived before an error come before it is raised.

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
    Dtmf,
    Error,
    Event,
    Final,
    Gap,
    Keyword,
    Lag,
    LineTrouble,
    Partial,
    Resumed,
    Slot,
    SpeechEnded,
    SpeechStarted,
    Timing,
    Word,
    Words,
)
from callscribe.client.options import Changes, EventName, Options
from callscribe.client.speakers import Respoken, SpeakerRevision, Stretch
from callscribe.client.turns import TurnEagerEnd, TurnEnded, TurnOverlap, TurnResumed, TurnStarted

__all__ = [
    "AudioAck",
    "Call",
    "Changes",
    "Disconnected",
    "Dtmf",
    "Error",
    "Event",
    "EventName",
    "Final",
    "Gap",
    "GoingAway",
    "Keyword",
    "Lag",
    "LineTrouble",
    "Options",
    "Partial",
    "Refused",
    "Respoken",
    "Resumed",
    "ResumedElsewhere",
    "ServerError",
    "SessionLost",
    "Slot",
    "SpeakerRevision",
    "SpeechEnded",
    "SpeechStarted",
    "Stretch",
    "Timing",
    "TurnEagerEnd",
    "TurnEnded",
    "TurnOverlap",
    "TurnResumed",
    "TurnStarted",
    "Word",
    "Words",
    "connect",
]
