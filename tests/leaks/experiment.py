"""One run: calls that tell secrets, faults beside them, and all that is left of both.

One call in ten hides nothing: the same search must find its secrets wherever it looks.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from websockets.exceptions import InvalidStatus

from callscribe.client import Disconnected, Refused, connect
from common.bus import keys, wire
from common.errors import CallscribeError
from common.pipeline.work import UTTERANCE_WORK
from gateway.protocols.commands import AudioFormat
from tests.chaos.driver import Driver
from tests.chaos.plan import RECEIVERS, plan, troubles
from tests.chaos.rig import Rig
from tests.integration.protocols.calls import Call
from tests.integration.protocols.clients import CLIENTS
from tests.leaks.calls import NATIVE, Lines, Planted, Setup, planted, sound
from tests.leaks.recorded import listened
from tests.leaks.system import System, system

_AGAIN_S = 0.5
_PATIENCE_S = 90.0
_SETTLING_S = 300.0
"""Seconds until a busy machine has everything written that a run leaves."""


@dataclass(slots=True)
class Left:
    """Everything that is to be read after a run, by where it is, and the calls."""

    calls: list[Planted] = field(default_factory=list)
    messages: dict[str, list[str]] = field(default_factory=dict)
    data: dict[str, bytes] = field(default_factory=dict)
    heard: dict[str, list[str]] = field(default_factory=dict)
    """The finals that the recogniser heard, by utterance; the search does not look here."""
    recorded: dict[int, list[str]] = field(default_factory=dict)
    """What is to be heard in the recordings of each call, by its number."""
    faults: int = 0
    problems: list[str] = field(default_factory=list)


async def run(setup: Setup, directory: Path) -> Left:
    """Hold all calls, and return what is left of them."""
    left = Left(calls=planted(setup))
    lines = Lines()
    sounds = {call.number: sound(call, lines, setup) for call in left.calls}
    (directory / "lines.json").write_text(json.dumps(lines.texts))
    os.environ["LEAKS_LINES"] = str(directory / "lines.json")
    os.environ["LEAKS_HEARD"] = str(directory / "heard")
    async with system(setup, directory, left.problems) as whole:
        rig = whole.rig
        queue = iter(left.calls)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_strike(rig, setup, left))
            for _ in range(setup.together):
                tasks.create_task(_hold_each(rig, queue, sounds, setup))
        sessions = await _look(whole, left, directory)
    left.recorded = {
        call.number: listened(call, setup, directory / "recordings", sessions[call.number])
        for call in left.calls
    }
    left.heard = _heard(directory / "heard")
    left.data |= {
        "disk": _bytes(directory / "redis"),
        "logs": _bytes(directory / "logs"),
        "sinks": _bytes(directory / "sinks"),
        "clients": whole.told.getvalue(),
        "spans": b"".join(whole.collector.bodies),
    }
    return left


async def _strike(rig: Rig, setup: Setup, left: Left) -> None:
    if not setup.faults:
        return
    driver = Driver(rig)
    kinds = troubles(*setup.only, without=("denoise", *RECEIVERS))
    await asyncio.sleep(1.0)

    def note(happened: object) -> None:
        left.faults += 1

    await driver.run(plan(setup.seed, setup.faults, every=setup.every, kinds=kinds), note)


async def _hold_each(
    rig: Rig, queue: Iterator[Planted], sounds: Mapping[int, bytes], setup: Setup
) -> None:
    for call in queue:
        try:
            async with asyncio.timeout(len(sounds[call.number]) / _rate(call) + 2 * _PATIENCE_S):
                if call.protocol == NATIVE:
                    await _hold_native(rig, call, sounds[call.number], setup)
                else:
                    await _hold_other(rig, call, sounds[call.number], setup)
        except (TimeoutError, CallscribeError, OSError, ExceptionGroup) as error:
            call.failure = f"{type(error).__name__}: {error}"


async def _hold_native(rig: Rig, call: Planted, data: bytes, setup: Setup) -> None:
    while not call.session:
        with suppress(Refused, Disconnected):
            async with connect(rig.url, call.options) as line:
                call.session = line.session_id
                speaking = asyncio.create_task(_speak(line.send, call, data, setup, line.finalize))
                try:
                    async for event in line:
                        call.told.append(json.dumps(asdict(event)))
                finally:
                    speaking.cancel()
                    await asyncio.gather(speaking, return_exceptions=True)
                return
        await asyncio.sleep(_AGAIN_S)


async def _hold_other(rig: Rig, call: Planted, data: bytes, setup: Setup) -> None:
    sound = next(
        each
        for each in CLIENTS[call.protocol].formats
        if (each.encoding, each.channels) == (call.options.encoding, call.options.channels)
    )
    ours = await _admitted(call.protocol, rig, sound)
    call.told = ours.told.messages
    call.session = ours.name
    try:
        await _speak(ours.say, call, data, setup)
        await ours.wire.send(ours.client.asides)  # keys are pressed
        await ours.wire.send(ours.client.finish)
        with suppress(TimeoutError):
            async with asyncio.timeout(5.0):
                await ours.wire.closed()
    finally:
        await ours.wire.leave()


async def _admitted(protocol: str, rig: Rig, sound: AudioFormat) -> Call:
    """Open a call, again as long as it is refused: no worker may be there, or no Redis."""
    while True:
        ours = Call(protocol, rig.steady, sound, _PATIENCE_S)
        try:
            await ours.open()
        except InvalidStatus as refused:
            if refused.response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            await asyncio.sleep(_AGAIN_S)
        else:
            return ours


async def _speak(
    send: Callable[[bytes], Awaitable[None]],
    call: Planted,
    data: bytes,
    setup: Setup,
    then: Callable[[], Awaitable[None]] | None = None,
) -> None:
    clock = asyncio.get_running_loop().time
    start, rate = clock(), _rate(call)
    size = round(0.1 * rate / call.options.frame_bytes) * call.options.frame_bytes
    for at in range(0, len(data), size):
        await asyncio.sleep(max(0.0, start + at / rate / setup.pace - clock()))
        await send(data[at : at + size])
    if then is not None:
        await then()


def _rate(call: Planted) -> float:
    """Return the bytes of a second."""
    return call.options.frame_bytes * call.options.sample_rate


async def _look(whole: System, left: Left, directory: Path) -> dict[int, list[str]]:
    """Read what the running system shows: pages, transcripts, keys and dead letters.

    Returns the sessions of each call, by its number.
    """
    rig = whole.rig
    async with asyncio.timeout(_SETTLING_S):
        while not all([await process.ready() for process in rig.stack.processes]):
            await asyncio.sleep(0.1)
    shown = [call.session for call in left.calls if not call.hides and call.session]
    with suppress(TimeoutError):
        async with asyncio.timeout(_SETTLING_S):
            while await asyncio.to_thread(missing, directory, shown):
                await asyncio.sleep(0.1)
    left.problems += missing(directory, shown)
    pages: list[str] = []
    sessions: dict[int, list[str]] = {}
    async with aiohttp.ClientSession() as http:
        for process in rig.stack.processes:
            for path in ("/metrics", "/ws/status", "/ready", "/v1/sessions"):
                async with http.get(f"http://127.0.0.1:{process.port}{path}") as answer:
                    pages.append(await answer.text())
        for call in left.calls:
            for what in ("transcript", "transcript?format=vtt", "trace"):
                where = rig.steady.page(f"/v1/sessions/{call.session}/{what}")
                async with http.get(where) as answer:
                    pages.append(await answer.text())
                if what == "transcript":
                    found = json.loads(pages[-1]).get("session_ids")
                    sessions[call.number] = found or [call.session]
    left.messages["pages"] = pages
    left.messages["webhook"] = whole.bodies
    admin: Any = rig.redis.admin
    await admin.connection_pool.disconnect()  # Redis may be another since its last command
    left.problems += await _voices(admin)
    dumped = [(key, await admin.dump(key)) for key in await admin.keys("*")]
    left.data["keys"] = b" ".join(part for pair in dumped for part in pair if part)
    await admin.save()
    return sessions


def missing(directory: Path, sessions: Sequence[str]) -> list[str]:
    """Return what sinks lack of these calls, and which recordings are still to be made."""
    kept = (f"{where}/*/{session}.*" for where in ("sinks", "recordings") for session in sessions)
    lacked = [f"there is no {pattern}" for pattern in kept if not any(directory.glob(pattern))]
    made = sorted((directory / "recordings").rglob("*.part"))
    return [*lacked, *(f"{each.relative_to(directory)} is not finished" for each in made)]


async def _voices(admin: Any) -> list[str]:
    """Return which dead letters have the voice of a call that hides something."""
    found = []
    for _, letter in await admin.xrange(keys.dead_contents("asr")):
        work = UTTERANCE_WORK.unpack(letter[wire.BODY_FIELD])
        if work.options.redact and letter.get(wire.AUDIO_FIELD):
            found.append(f"a dead letter has {len(letter[wire.AUDIO_FIELD])} bytes of voice")
    return found


def _heard(path: Path) -> dict[str, list[str]]:
    finals: dict[str, dict[int, str]] = {}
    for line in path.read_text().splitlines():
        utterance, final, text = json.loads(line)
        leg, _, number = utterance.rpartition("/")
        if final and number.isdigit():
            finals.setdefault(leg, {})[int(number)] = text
    return {leg: [texts[number] for number in sorted(texts)] for leg, texts in finals.items()}


def _bytes(directory: Path) -> bytes:
    files: Sequence[Path] = sorted(p for p in directory.rglob("*") if p.is_file())
    return b"\n".join(path.read_bytes() for path in files)
