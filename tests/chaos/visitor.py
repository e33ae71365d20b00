"""A caller over any protocol but the native one: it cannot resume, and may be told nothing.

Its gateway is never hurt and its connection never breaks; everything behind them does.
"""

import asyncio
import json
import time
from collections.abc import Sequence

from websockets.exceptions import InvalidStatus, WebSocketException

from gateway.protocols.commands import AudioFormat
from tests.chaos.caller import AGAIN, PATIENCE, Course
from tests.chaos.judge import Spoken
from tests.chaos.progress import ENDED
from tests.chaos.scripts import Aside, Flush, Introduce, Say
from tests.integration.protocols.calls import Call, Ports, utterances
from tests.integration.protocols.clients import CLIENTS
from tests.turn_invariants import TURN_BREACHES

_TURNED_AWAY = (1012, 1013, 3009)
"""Close codes of a gateway that takes no call now, that of AssemblyAI among them."""
_OPENING_S = 15.0
"""Seconds in which a call that cannot be opened is closed."""


class _TurnedAway(Exception):
    """The gateway did not take the call."""


async def visit(ports: Ports, course: Course, truth: Sequence[Spoken]) -> None:
    """Hold the call of `course.script`, at the pace it is spoken; fill `course` in."""
    course.began = time.monotonic()
    options = course.script.options
    sound = AudioFormat(options.encoding, options.sample_rate, options.channels)
    expected = [
        " ".join(each.text for each in truth if each.channel == channel and each.text)
        for channel in range(options.channels)
    ]
    try:
        async with asyncio.timeout(course.script.seconds + 2 * PATIENCE):
            while True:
                ours = Call(course.script.protocol, ports, sound, PATIENCE)
                try:
                    await _hold(ports, ours, course, expected)
                    break
                except (_TurnedAway, InvalidStatus, OSError):
                    course.turned_away += 1
                    await asyncio.sleep(AGAIN)
                finally:
                    await ours.wire.leave()
    except TimeoutError:
        course.failure = course.failure or f"not over {PATIENCE:g} s after its last word"
    except WebSocketException as error:
        course.failure = f"{type(error).__name__}: {error}"
    course.ended = time.monotonic()


async def _hold(ports: Ports, ours: Call, course: Course, expected: Sequence[str]) -> None:
    await ours.connect(strange=course.script.strange is not None)
    course.session, course.anonymous = ours.name, not ours.client.named
    await _speak(ours, course)
    if not course.failure:
        await ours.finish(expected)
        course.finals = await _result(ports, ours)
        course.failure = "; ".join(_breaches(ours)[:3])
    course.progress.tell(time.monotonic(), ENDED)


async def _speak(ours: Call, course: Course) -> None:
    start = time.monotonic()
    for step in course.script.steps:
        match step:
            case Introduce(None):
                await ours.introduce()
            case Introduce(str(message)) | Introduce(bytes(message)) | Aside(message):
                await ours.wire.send([message])
            case Flush(odd, way):
                await ours.flush(odd, way)
            case Say(data, until):
                await asyncio.sleep(max(0.0, start + until - time.monotonic()))
                if ours.wire.over:
                    await _say_why(ours, course, time.monotonic() - start)
                    return
                await ours.say(data)
                course.progress.sent(time.monotonic(), until)


async def _say_why(ours: Call, course: Course, seconds: float) -> None:
    """Note why the gateway closed a call so many seconds after its beginning."""
    code, reason = await ours.wire.closed()
    early = seconds < _OPENING_S and not ours.told.finals
    if early and code in (0, *_TURNED_AWAY):
        raise _TurnedAway
    course.failure = f"closed after {seconds:.1f} s: {code} {reason}"


def _breaches(ours: Call) -> list[str]:
    """Return what a protocol that is made for turns has promised and not kept."""
    check = TURN_BREACHES.get(ours.protocol)
    return check(map(json.loads, ours.told.messages)) if check else []


async def _result(ports: Ports, ours: Call) -> list[Spoken]:
    """Return what others read of the call; of a nameless one, what its client was told."""
    if not ours.client.named:
        return told(ours.told.finals)
    said = await utterances(ports, ours.name, PATIENCE)
    keys = ("channel", "utterance", "start", "end", "text")
    return [Spoken(*(each[key] for key in keys)) for each in said]


def told(finals: Sequence[tuple[int, str]]) -> list[Spoken]:
    """Return the text of each channel as one utterance without a place."""
    channels = sorted({channel for channel, _ in finals})
    return [
        Spoken(channel, 0, 0.0, 0.0, " ".join(text for own, text in finals if own == channel))
        for channel in channels
    ]


def comparable(course: Course, truth: Sequence[Spoken]) -> list[Spoken]:
    """Return the native protocol's finals as `visit` gets them; empty ones are told to nobody."""
    spoken = [each for each in truth if each.text]
    if CLIENTS[course.script.protocol].named:
        return spoken
    return told([(each.channel, each.text) for each in spoken])
