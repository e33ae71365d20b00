"""One run: the truth first, undisturbed, then calls and faults side by side, then what is left."""

import asyncio
import itertools
import random
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from tests.chaos import archive
from tests.chaos.caller import Course, hold
from tests.chaos.cuts import judge_cuts
from tests.chaos.driver import Driver, Happened
from tests.chaos.judge import Spoken, Verdict, judge
from tests.chaos.plan import plan, troubles
from tests.chaos.proxy import Proxy
from tests.chaos.residue import Residue, Sizes, left, residue, watch_sizes
from tests.chaos.scripts import NATIVE, Script, others, scripts
from tests.chaos.speech import clips
from tests.chaos.stack import LastingRedis, Layout, Stack
from tests.chaos.visitor import comparable, visit
from tests.integration.protocols.calls import Ports, own_ports, port_flags

_CALM_S = 4.0
"""Seconds of calls before the first fault."""
_DETERMINISTIC, WHISPER = "deterministic", "whisper"
MODES = (_DETERMINISTIC, WHISPER)
ALL = "all"
PROTOCOLS = (ALL, NATIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What to run. `every`: a fault each so many seconds, about; `seconds`: length of calls."""

    faults: int
    seed: int
    calls: int
    mode: str = _DETERMINISTIC
    every: float = 1.5
    scripts: int = 12
    seconds: tuple[float, float] = (20.0, 60.0)
    denoise: bool = True
    protocols: str = ALL
    """Whether calls speak all protocols, or only the native one."""
    only: tuple[str, ...] = ()
    """The kinds of fault, or their targets; all if empty."""
    paces: tuple[float, ...] = (3.0, 1.0)
    """How fast the undisturbed passes are spoken; all must agree."""
    patience: float = 260.0
    """Seconds after the last call in which Redis must be empty."""
    sizes_every: float = 10.0
    mixed: Path | None = None
    """The sources of another release, which every second process of a kind runs."""
    engine: str | None = None
    """What computes the networks of every second VAD and denoise worker."""

    def spoken(self) -> list[Script]:
        """Return what is said in the calls, the protocols in turns."""
        speech = clips()
        mine = scripts(
            self.seed,
            self.scripts,
            speech,
            seconds=self.seconds,
            denoise=self.denoise,
            turns=self.mode == _DETERMINISTIC,
        )
        if self.protocols == NATIVE:
            return mine
        theirs = others(self.seed, speech, seconds=self.seconds)
        turns = itertools.zip_longest(mine, theirs)
        return [each for turn in turns for each in turn if each is not None]

    def judge(self, script: Script, truth: Sequence[Spoken], heard: Sequence[Spoken]) -> Verdict:
        """Compare what a script's call was told with what it was told undisturbed.

        The deterministic engine tells samples apart that differ by the rounding of a batch of
        another size, as denoised ones may on some processors.
        """
        texts = self.mode == WHISPER or not script.options.denoise
        if script.turns and script.protocol != NATIVE:
            # Where its utterances end is up to the pace; what it was told of turns is checked.
            return Verdict(words=sum(len(each.words) for each in heard))
        if script.turns:
            return judge_cuts(truth, heard, texts=texts)
        return judge(truth, heard, texts=texts, shown=script.shown)

    def layout(self, own: Mapping[str, int], logs: Path) -> Layout:
        """Return the processes of the system; `own` are the ports of its steady gateway."""
        whisper = self.mode == WHISPER
        commands = {kind: ("callscribe", kind) for kind in ("gateway", "vad", "denoise")}
        commands |= {"steady": commands["gateway"]}
        asr = ("callscribe", "asr") if whisper else ("tests.chaos.workers",)
        counts = {"gateway": 2, "vad": 2, "asr": 2} | ({"denoise": 2} if self.denoise else {})
        counts |= {"steady": 1} if self.protocols == ALL else {}
        kept = () if self.mixed else archive.flags(logs)
        gateway = ("--retention-s", "30", "--resume-s", "60", *kept)
        flags = {
            "gateway": gateway,
            "steady": (*gateway, *port_flags(own)),
            "asr": ("--asr-slots", "64"),
        }
        other = ("--engine", self.engine) if self.engine else ()
        seconds = {"vad": other, "denoise": other}
        return Layout(counts, {**commands, "asr": asr}, flags, self.mixed, seconds)


@dataclass(slots=True)
class Judged:
    """A call, what was wrong with its transcript, and the faults it lived through."""

    course: Course
    verdict: Verdict
    faults: list[Happened]

    @property
    def good(self) -> bool:
        """Whether nothing at all is to be said about it."""
        return not (self.verdict.wrong or self.course.failure)


@dataclass(slots=True)
class Results:
    """Everything a run showed."""

    setup: Setup
    logs: Path
    undisturbed: list[Course] = field(default_factory=list)
    truth_problems: list[str] = field(default_factory=list)
    calls: list[Judged] = field(default_factory=list)
    history: list[Happened] = field(default_factory=list)
    sizes: list[Sizes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    failed_starts: int = 0
    residue: Residue = field(default_factory=Residue)

    @property
    def courses(self) -> list[Course]:
        """All calls that were held."""
        return [*self.undisturbed, *(judged.course for judged in self.calls)]

    @property
    def total(self) -> Verdict:
        """The words of all calls."""
        total = Verdict()
        for call in self.calls:
            total.add(call.verdict)
        return total

    @property
    def good(self) -> bool:
        """Whether the run showed no loss, no leak and no death that was not ours."""
        return not (
            self.truth_problems
            or self.problems
            or self.residue.problems
            or any(not call.good for call in self.calls)
        )


@dataclass(slots=True)
class _Rig:
    """The running system and the network around it."""

    stack: Stack
    redis: LastingRedis
    bus: Proxy
    callers: Proxy
    own: Mapping[str, int]

    @property
    def steady(self) -> Ports:
        """Where calls connect that cannot resume."""
        (gateway,) = self.stack.of("steady")
        return Ports(gateway.port, self.own)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.callers.port}/ws/asr"


async def run(setup: Setup) -> Results:
    """Run everything; the logs of all processes stay in `Results.logs`."""
    logs = Path(tempfile.mkdtemp(prefix="callscribe-chaos-"))
    results = Results(setup, logs)
    name = uuid4().hex
    spoken = setup.spoken()
    async with _rig(setup, logs, name) as rig:
        say(f"{len(spoken)} scripts, undisturbed, {len(setup.paces)} times; logs in {logs}")
        truth = await _truth(rig.url, spoken, setup, results)
        if not results.truth_problems:
            say(f"{setup.calls} calls at a time, {setup.faults} faults")
            await _disturbed(rig, spoken, truth, results)
            say("looking for what is left")
            results.residue = await residue(rig.redis.admin, setup.patience)
            if not setup.mixed:  # another release may know no sinks
                results.problems += await archive.problems(
                    rig.redis.admin, logs, results.courses, setup.patience
                )
        await rig.stack.stop()
        results.problems += rig.stack.problems
        denied = await asyncio.to_thread(rig.redis.guard.denials, rig.redis.port)
        results.problems += [f"Redis refused: {each}" for each in denied]
        results.failed_starts = rig.stack.failed_starts
    results.residue.processes = await left(name)
    return results


@asynccontextmanager
async def _rig(setup: Setup, logs: Path, name: str) -> AsyncIterator[_Rig]:
    redis = LastingRedis(logs, name)
    await redis.start()
    bus = Proxy([redis.port], setup.seed)
    await bus.start()
    own = own_ports()
    stack = Stack(setup.layout(own, logs), redis.guard.url(bus.port), logs, name)
    callers = Proxy([process.port for process in stack.of("gateway")], setup.seed)
    await callers.start()
    try:
        await stack.start()
        yield _Rig(stack, redis, bus, callers, own)
    finally:
        await stack.kill()
        await callers.stop()
        await bus.stop()
        await redis.admin.aclose()
        await redis.kill()


async def _truth(
    url: str, spoken: Sequence[Script], setup: Setup, results: Results
) -> dict[str, list[Spoken]]:
    """Return what every script's call is told when nothing happens, the same in every pass.

    That is what the native protocol tells: the others must tell the same.
    """
    truth: dict[str, list[Spoken]] = {}
    for pace in setup.paces:
        courses = [Course(0, script.plain) for script in spoken]
        # Words decide only about live calls.
        await asyncio.gather(
            *(hold(url, course, 1.0 if course.script.turns else pace) for course in courses)
        )
        results.undisturbed += courses
        for course in courses:
            name, finals = course.script.name, course.finals
            if course.failure or course.errors or course.gaps:
                trouble = course.failure or f"{course.errors} {course.gaps}"
                results.truth_problems.append(f"{name} undisturbed: {trouble}")
            elif wrong := setup.judge(course.script, truth.setdefault(name, finals), finals).first:
                results.truth_problems.append(f"{name} differs undisturbed: {wrong}")
    results.truth_problems += [f"{name}: no speech" for name, each in truth.items() if not each]
    return truth


async def _disturbed(
    rig: _Rig, spoken: Sequence[Script], truth: dict[str, list[Spoken]], results: Results
) -> None:
    setup = results.setup
    over = asyncio.Event()
    numbers = itertools.count(1)
    driver = Driver(rig.stack, rig.redis, rig.bus, rig.callers)
    results.history = driver.history
    kinds = [k for k in troubles(*setup.only) if setup.denoise or not k.startswith("denoise.")]
    faults = plan(setup.seed, setup.faults, every=setup.every, kinds=kinds)
    beside = [
        asyncio.create_task(rig.stack.supervise()),
        asyncio.create_task(
            watch_sizes(rig.stack, rig.redis, setup.sizes_every, results.sizes.append)
        ),
    ]

    async def cause() -> None:
        await asyncio.sleep(_CALM_S)
        await driver.run(faults, lambda happened: say(str(happened)))
        over.set()

    async def call_again_and_again(line: int) -> None:
        dice = random.Random(f"line {setup.seed} {line}")
        await asyncio.sleep(dice.uniform(0.0, _CALM_S))
        script = spoken[line % len(spoken)]
        while not over.is_set():
            course, expected = Course(next(numbers), script), truth[script.name]
            if script.protocol == NATIVE:
                await hold(rig.url, course)
            else:
                await visit(rig.steady, course, expected)
                expected = comparable(course, expected)
            results.calls.append(_judged(course, expected, driver.history, setup))
            script = dice.choice(spoken)

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(cause())
            for line in range(setup.calls):
                tasks.create_task(call_again_and_again(line))
    finally:
        for task in beside:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _judged(
    course: Course, truth: Sequence[Spoken], history: Sequence[Happened], setup: Setup
) -> Judged:
    verdict = setup.judge(course.script, truth, course.finals)
    lived = [each for each in history if course.began < (each.over or course.ended)]
    judged = Judged(course, verdict, lived)
    if not judged.good:
        say(f"call {course.number} ({course.script.name}, session {course.session}) is not good:")
        say(f"  {course.failure} {course.errors} {course.gaps} {verdict}")
    return judged


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
