"""A caller: speaks a script at the pace it is spoken, takes down what comes back."""

import asyncio
import time
from dataclasses import dataclass, field, replace

from callscribe.client import Call, Disconnected, Refused, connect
from callscribe.client.messages import AudioAck, Error, Event, Final, Gap, Lag, Partial, Resumed
from common.errors import CallscribeError
from tests.chaos.judge import Spoken
from tests.chaos.progress import ENDED, Progress
from tests.chaos.scripts import Configure, Flush, Say, Script

AGAIN = 0.5
"""Seconds until a caller who was not let in calls again."""
_TIMED = " +words"
PATIENCE = 180.0
"""Seconds after its last word in which a call must have ended."""


@dataclass(slots=True)
class Course:
    """What became of a call."""

    number: int
    script: Script
    began: float = 0.0
    ended: float = 0.0
    session: str = ""
    """Its session, or what the client's system calls it."""
    anonymous: bool = False
    """Whether nobody but the server knows what it is called."""
    outages: list[float] = field(default_factory=list)
    """Seconds without a connection, of each time that it was resumed."""
    most_lag: float = 0.0
    turned_away: int = 0
    """How often it was refused, or broke, before it began."""
    finals: list[Spoken] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failure: str = ""
    """Why it did not come to its end; empty when it did."""
    progress: Progress = field(default_factory=Progress)


def untimed(spoken: Spoken) -> Spoken:
    """Return a final without the mark of its words."""
    return replace(spoken, text=spoken.text.removesuffix(_TIMED))


async def hold(url: str, course: Course, pace: float = 1.0) -> None:
    """Hold the call of `course.script`, `pace` times as fast as it is spoken; fill `course` in."""
    course.began = time.monotonic()
    try:
        async with asyncio.timeout(course.script.seconds / pace + PATIENCE):
            await _hold(url, course, pace)
    except TimeoutError:
        course.failure = f"not over {PATIENCE:g} s after its last word"
    except CallscribeError as error:
        course.failure = f"{type(error).__name__}: {error}"
    course.ended = time.monotonic()


async def _hold(url: str, course: Course, pace: float) -> None:
    while True:
        try:
            async with connect(url, course.script.options) as call:
                course.session = call.session_id
                await _converse(call, course, pace)
                return
        except (Refused, Disconnected):
            if course.session:
                raise
            course.turned_away += 1
            await asyncio.sleep(AGAIN)


async def _converse(call: Call, course: Course, pace: float) -> None:
    speaking = asyncio.create_task(_speak(call, course, pace))
    try:
        async for event in call:
            _take_down(event, course)
    finally:
        speaking.cancel()
        # What ends the call ends the speaking too; iterating has raised the reason.
        await asyncio.gather(speaking, return_exceptions=True)
    course.progress.tell(time.monotonic(), ENDED)


def _take_down(event: Event, course: Course) -> None:
    now = time.monotonic()
    match event:
        case Final(channel=channel, utterance=utterance, start=start, end=end, text=text):
            # Whether an utterance has words must be as undisturbed, too: it counts as one more.
            timed = event.words is not None or event.words_unavailable is not None
            text = f"{text}{_TIMED}" if timed else text
            course.finals.append(Spoken(channel, utterance, start, end, text))
            course.progress.finish(now, end)
        case Partial(end=end):
            course.progress.tell(now, end)
        case AudioAck(position=position):
            course.progress.store(now, position / course.script.options.sample_rate)
        case Resumed(after_s=seconds):
            course.outages.append(seconds)
        case Lag(seconds=seconds):
            course.most_lag = max(course.most_lag, seconds)
        case Gap(channel=channel, start=start, end=end):
            course.gaps.append(f"{channel}: {start}-{end}")
        case Error(code=code, message=message):
            course.errors.append(f"{code}: {message}")


async def _speak(call: Call, course: Course, pace: float) -> None:
    start = time.monotonic()
    for step in course.script.steps:
        match step:
            case Say(data, until):
                await asyncio.sleep(max(0.0, start + until / pace - time.monotonic()))
                await call.send(data)
                course.progress.sent(time.monotonic(), until)
            case Flush(odd):
                await call.send(odd)
                await call.flush()
            case Configure(changes):
                await call.configure(**changes)
    await call.finalize()
