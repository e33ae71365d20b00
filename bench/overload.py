"""Twice the calls that fit: how fast the surplus is refused, and the effect on the others.

The real stack with Whisper, one process of each kind, on loopback; each caller speaks the sample
call, both sides one after the other and without its long pauses, and then calls again. First there
are two calls alone, then more and more callers until no call has been admitted for a while, then
twice as many callers as were admitted. A refused one tries again about each second. The time of an
answer begins with the connection attempt. Latencies are the client's, as in `bench calls`.
"""

import asyncio
import itertools
import json
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bench import record
from bench.accounting import quantile
from bench.options import parser_of
from bench.stack import local_stack
from callscribe import sample
from callscribe.audiofile import AudioFile
from callscribe.client.latency import Latencies
from callscribe.client.messages import Final, Partial, SpeechEnded, parse_event
from callscribe.local.stack import Stack, running_stack
from common.audio import float_to_pcm16

_FEW = 2
_MESSAGE_S = 0.1
_PAUSE_S, _PAUSE_FRAME_S, _QUIET = 1.4, 0.02, 0.01
"""A pause is cut to these seconds; frames of this length below this level are a pause."""
_SETTLED_S = 6.0
"""Seconds without an admitted call after which the system is full."""
_RAMP_EVERY, _RAMP_MOST = 0.25, 90.0
_CALL_S = (15.0, 40.0)
_RETRY_S = (0.5, 1.5)
_TRY_AGAIN_LATER = 1013
_MOST_ANSWER_MS, _MOST_RATIO = 50.0, 1.5
_EVENTS = ("speech_ended",)


@dataclass
class Phase:
    """What happened to callers from its begin to the next one's; times in ms."""

    name: str
    answers: dict[str, list[float]] = field(default_factory=dict)
    """How long it took to be refused, by reason; one given after the handshake has a *."""
    let_in: int = 0
    finals: list[float] = field(default_factory=list)
    """From sending the audio that decided the end of an utterance to its final."""
    after_silence: list[float] = field(default_factory=list)
    """Those of `finals` whose caller did not hang up in the middle of an utterance."""
    partials: list[float] = field(default_factory=list)
    """From one partial of an utterance to its next."""
    calls: list[int] = field(default_factory=list)
    """Running calls, every now and then."""
    broken: list[str] = field(default_factory=list)

    def refused(self, reason: str, began: float) -> None:
        """Note a refusal of a caller who asked at `began`."""
        self.answers.setdefault(reason, []).append(1e3 * (perf_counter() - began))


@dataclass(frozen=True)
class Manner:
    """What callers say, PCM16 at `rate`, how long their calls last, and who is denoised."""

    speech: bytes
    rate: int
    call_s: tuple[float, float] = _CALL_S
    denoise_every: int = 0
    """Each caller of such a number is denoised; 0: none."""


class Callers:
    """All callers; `phase` is where they write down what they meet."""

    def __init__(self, url: str, manner: Manner) -> None:
        self.phase = Phase("")
        self.running = 0
        self.last_let_in = perf_counter()
        self._url = url
        self._random = random.Random(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._manner = manner
        self._numbers = itertools.count()

    @property
    def population(self) -> int:
        """How many callers there are, speaking or trying to."""
        return len(self._tasks)

    def add(self) -> None:
        """Add a caller."""
        number = next(self._numbers)
        self._tasks.add(asyncio.create_task(self._come_and_go(number)))

    async def leave(self) -> None:
        """End all calls."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _come_and_go(self, number: int) -> None:
        # Each speaks from another place of the recording on, or all would pause together.
        at = number * 7.3
        while True:
            with suppress(OSError):
                at += await self._call(number, at)
            await asyncio.sleep(self._random.uniform(*_RETRY_S))

    async def _call(self, number: int, at: float) -> float:
        """Try once; return the seconds that were spoken."""
        began = perf_counter()
        try:
            connection = await connect(
                self._url, compression=None, proxy=None, open_timeout=None, close_timeout=1
            )
        except InvalidStatus as refused:
            reason = (refused.response.body or b"").decode().removeprefix("refused: ").strip()
            self.phase.refused(reason, began)
            return 0.0
        async with connection:
            try:
                return await self._opened(connection, began, number, at)
            except ConnectionClosed as closed:
                self.phase.broken.append(str(closed))
                return 0.0

    async def _opened(
        self, connection: ClientConnection, began: float, number: int, at: float
    ) -> float:
        every = self._manner.denoise_every
        config = {
            "encoding": "pcm16",
            "sample_rate": self._manner.rate,
            "events": _EVENTS,
            "denoise": bool(every) and number % every == 0,
        }
        await connection.send(json.dumps({"type": "config", **config}))
        answer: dict[str, Any] = json.loads(await connection.recv())
        if answer["type"] != "session_created":
            with suppress(ConnectionClosed):
                await connection.recv()
            if connection.close_code != _TRY_AGAIN_LATER:
                raise ValueError(f"no refusal: {answer}")
            self.phase.refused(f"{answer.get('reason', answer['code'])}*", began)
            return 0.0
        self.phase.let_in += 1
        self.last_let_in = perf_counter()
        self.running += 1
        latencies = Latencies()
        listening = asyncio.create_task(self._listen(connection, latencies))
        try:
            duration = self._random.uniform(*self._manner.call_s)
            await self._speak(connection, latencies, at, duration)
            await connection.send('{"type": "finalize"}')
            await listening
        finally:
            self.running -= 1
            listening.cancel()
        return duration

    async def _speak(
        self,
        connection: ClientConnection,
        latencies: Latencies,
        at: float,
        duration: float,
    ) -> None:
        speech, rate = self._manner.speech, self._manner.rate
        size = 2 * round(rate * _MESSAGE_S)
        place = 2 * round(rate * at)
        begin = perf_counter()
        for number in range(1, round(duration / _MESSAGE_S)):
            spoken = number * _MESSAGE_S
            await asyncio.sleep(begin + spoken - perf_counter())
            start = (place + number * size) % (len(speech) - size)
            await connection.send(speech[start : start + size])
            latencies.sending.sent(spoken, perf_counter())

    async def _listen(self, connection: ClientConnection, latencies: Latencies) -> None:
        partials: dict[int, float] = {}
        hung_up: set[int] = set()
        async for message in connection:
            now = perf_counter()
            wire = json.loads(message)
            event = parse_event(message)
            if wire["type"] == "error":
                self.phase.broken.append(wire["code"])
            if event is None:
                continue
            if isinstance(event, Partial):
                if event.utterance in partials:
                    self.phase.partials.append(1e3 * (now - partials[event.utterance]))
                partials[event.utterance] = now
            if isinstance(event, SpeechEnded) and event.reason == "finish":
                hung_up.add(event.utterance)
            found = latencies.note(event, now)
            if "endpoint_to_final" in found:
                assert isinstance(event, SpeechEnded | Final)
                final = 1e3 * found["endpoint_to_final"]
                self.phase.finals.append(final)
                if event.utterance not in hung_up:
                    self.phase.after_silence.append(final)


def sample_call() -> Manner:
    """Return callers who speak the sample call's sides, with long pauses cut short."""
    with AudioFile(sample.AUDIO) as audio:
        sides = np.concatenate(list(audio.blocks(1.0))).T
        rate = audio.rate
    size, most = round(_PAUSE_FRAME_S * rate), round(_PAUSE_S / _PAUSE_FRAME_S)
    kept, quiet = [], 0
    for frame in np.concatenate(sides)[: sides.size // size * size].reshape(-1, size):
        quiet = 0 if np.abs(frame).max() > _QUIET else quiet + 1
        if quiet <= most:
            kept.append(frame)
    return Manner(float_to_pcm16(np.concatenate(kept)), rate)


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 if callers were refused and no admitted call broke off."""
    parser = parser_of("overload", __doc__, short="15 seconds of each")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the overload")
    parser.add_argument("--alone", type=float, default=60.0, help="length of the quiet time before")
    options = parser.parse_args(argv)
    seconds, alone = (15.0, 15.0) if options.short else (options.seconds, options.alone)
    phases = asyncio.run(measure(alone, seconds))
    report = figures(phases)
    print(show(report))
    if options.json is not None:
        record.write(options.json, report)
    full = phases[-1]
    return 0 if full.answers and not any(phase.broken for phase in phases) else 1


async def measure(alone: float, seconds: float) -> list[Phase]:
    """Run the three phases on a system of their own; `alone` and `seconds` last first and last."""
    async with running_stack(local_stack()) as stack:
        phases: list[Phase] = await stack.run(_phases(stack, alone, seconds))
    return phases


async def _phases(stack: Stack, alone: float, seconds: float) -> list[Phase]:
    callers = Callers(address(stack), sample_call())
    quiet, filling, full = (Phase(name) for name in ("alone", "filling", "twice"))
    try:
        callers.phase = quiet
        for _ in range(_FEW):
            callers.add()
        await watch(callers, lambda elapsed: elapsed > alone)
        callers.phase = filling
        callers.last_let_in = perf_counter()

        def is_full(elapsed: float) -> bool:
            if callers.population < 2 * callers.running + 2:
                callers.add()
            quiet_for = perf_counter() - callers.last_let_in
            return (quiet_for > _SETTLED_S and bool(filling.answers)) or elapsed > _RAMP_MOST

        await watch(callers, is_full)
        while callers.population < 2 * callers.running:
            callers.add()
        callers.phase = full
        await watch(callers, lambda elapsed: elapsed > seconds)
    finally:
        callers.phase = Phase("leaving")
        await callers.leave()
    return [quiet, filling, full]


def address(stack: Stack) -> str:
    """Return where the stack's gateway takes native calls."""
    return stack.url.replace("http", "ws", 1) + "/ws/asr"


async def watch(callers: Callers, over: Callable[[float], bool]) -> None:
    """Note how many calls run until `over`, asked with the seconds so far, says so."""
    began = perf_counter()
    while not over(perf_counter() - began):
        callers.phase.calls.append(callers.running)
        await asyncio.sleep(_RAMP_EVERY)


def figures(phases: Sequence[Phase]) -> dict[str, Any]:
    """Return the phases' figures (ms), and how the last compares with the first."""
    rows: list[dict[str, Any]] = [
        {
            "phase": phase.name,
            "calls": sum(phase.calls) / max(1, len(phase.calls)),
            "let_in": phase.let_in,
            "final": spread(phase.finals),
            "partial_every": spread(phase.partials),
            "refused": {reason: spread(times) for reason, times in phase.answers.items()},
            "broken": phase.broken,
        }
        for phase in phases
    ]
    answers = spread([time for times in phases[-1].answers.values() for time in times])
    ratio = rows[-1]["final"]["p95"] / rows[0]["final"]["p95"]
    return {"phases": rows, "refused": answers, "final_p95_ratio": ratio}


def show(report: dict[str, Any]) -> str:
    """Return the report as lines."""
    lines = [
        f"{'':>8} |{'calls':>6} |{'ends':>5}{'p50':>7}{'p95':>7}{'max':>7}"
        f" |{'partial every':>14}{'p95':>7} | refused: n, p50, p95, max ms"
    ]
    for row in report["phases"]:
        final, partial = row["final"], row["partial_every"]
        refused = "; ".join(
            f"{reason} {each['n']}, {each['p50']:.1f}, {each['p95']:.1f}, {each['max']:.1f}"
            for reason, each in row["refused"].items()
        )
        lines.append(
            f"{row['phase']:>8} |{row['calls']:>6.1f} |{final['n']:>5}{final['p50']:>7.0f}"
            f"{final['p95']:>7.0f}{final['max']:>7.0f} |{partial['p50']:>14.0f}"
            f"{partial['p95']:>7.0f} | {refused or 'nobody'}"
        )
        lines += [f"{'':>8} | a call broke off: {trouble}" for trouble in row["broken"]]
    answers, ratio = report["refused"], report["final_p95_ratio"]
    quick = "yes" if answers["p95"] < _MOST_ANSWER_MS else "no"
    steady = "yes" if ratio <= _MOST_RATIO else "no"
    lines += [
        f"refused within {answers['p95']:.1f} ms at p95 (below {_MOST_ANSWER_MS:.0f}: {quick});"
        f" finals' p95 {ratio:.2f} times that of {_FEW} calls alone (at most"
        f" {_MOST_RATIO}: {steady})"
    ]
    return "\n".join(lines)


def spread(values: list[float]) -> dict[str, float]:
    """Return count, quantiles and maximum of some figures."""
    return {
        "n": len(values),
        "p50": quantile(values, 0.50),
        "p95": quantile(values, 0.95),
        "max": max(values, default=float("nan")),
    }
