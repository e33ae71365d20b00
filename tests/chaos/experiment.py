"""One run: the truth first, undisturbed, then calls and faults side by side, then what is left."""

import asyncio
import itertools
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from tests.chaos.caller import Course, hold
from tests.chaos.cuts import judge_cuts
from tests.chaos.driver import Driver, Happened
from tests.chaos.judge import Spoken, Verdict, judge
from tests.chaos.plan import RECEIVERS, plan, troubles
from tests.chaos.progress import Spread
from tests.chaos.residue import Residue, Sizes, left, residue, watch_sizes
from tests.chaos.rig import Rig, running
from tests.chaos.scripts import NATIVE, Script, others, scripts
from tests.chaos.sinks.erasing import erase
from tests.chaos.sinks.kept import Kept
from tests.chaos.sinks.proofs import erase_all, hold_without
from tests.chaos.sinks.receivers import ARCHIVE, Receivers, receiving
from tests.chaos.speech import clips
from tests.chaos.stack import Layout
from tests.chaos.visitor import comparable, visit
from tests.integration.protocols.calls import own_ports, port_flags

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
    receivers: tuple[str, ...] = ()
    """Those of sinks that are hurt as well; without any there is an archive, which is not."""
    proofs: bool = False
    """Whether callers are compared with those of all sinks dead, and all is erased in the end."""

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

    @property
    def has_sinks(self) -> bool:
        """Whether gateways have sinks at all: another release may know none."""
        return self.mixed is None

    def layout(self, own: Mapping[str, int], sinks: Sequence[str]) -> Layout:
        """Return the processes of the system.

        `own` are the ports of its steady gateway, `sinks` the flags of all gateways.
        """
        whisper = self.mode == WHISPER
        commands = {kind: ("callscribe", kind) for kind in ("gateway", "vad", "denoise")}
        commands |= {"steady": commands["gateway"]}
        asr = ("callscribe", "asr") if whisper else ("tests.chaos.workers",)
        counts = {"gateway": 2, "vad": 2, "asr": 2} | ({"denoise": 2} if self.denoise else {})
        counts |= {"steady": 1} if self.protocols == ALL else {}
        gateway = ("--retention-s", "30", "--resume-s", "60", *sinks)
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
    erased: set[str] = field(default_factory=set)
    """Sessions of which no sink may have anything."""
    kept: dict[str, list[Kept]] = field(default_factory=dict)
    """What each sink had in the end, before everything was erased."""
    waits: dict[str, Spread] = field(default_factory=dict)
    """Seconds from the end of an utterance to its final, of undisturbed calls."""

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


async def run(setup: Setup) -> Results:
    """Run everything; the logs of all processes stay in `Results.logs`."""
    logs = Path(tempfile.mkdtemp(prefix="callscribe-chaos-"))
    results = Results(setup, logs)
    name = uuid4().hex
    spoken = setup.spoken()
    own = own_ports()
    names = (setup.receivers or (ARCHIVE,)) if setup.has_sinks else ()
    async with (
        receiving(names, setup.seed) as receivers,
        running(setup.layout(own, receivers.flags), own, logs, name, seed=setup.seed) as rig,
    ):
        say(f"{len(spoken)} scripts, undisturbed, {len(setup.paces)} times; logs in {logs}")
        truth = await _truth(rig.url, spoken, setup, results)
        if setup.proofs:
            held, results.waits = await hold_without(rig.url, spoken, setup.paces[-1], receivers)
            results.undisturbed += held
            results.truth_problems += _differences(held, truth, setup)
        if setup.receivers:
            native = [each.session for each in results.undisturbed]
            results.erased.update(native[::2])
            results.problems += await erase(rig.page, results.erased)
        if not results.truth_problems:
            say(f"{setup.calls} calls at a time, {setup.faults} faults")
            await _disturbed(rig, receivers, spoken, truth, results)
            say("looking for what is left")
            results.residue = await residue(rig.redis.admin, setup.patience)
            results.problems += await receivers.problems(
                rig.redis.admin, results.courses, results.erased, setup.patience
            )
            results.kept = receivers.kept
            if setup.proofs:
                say("erasing everything")
                results.problems += await erase_all(
                    rig,
                    rig.redis.admin,
                    receivers,
                    results.courses,
                    results.erased,
                    setup.patience,
                )
        results.problems += await rig.end()
        results.failed_starts = rig.stack.failed_starts
    results.residue.processes = await left(name)
    return results


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
        results.truth_problems += _differences(courses, truth, setup)
    results.truth_problems += [f"{name}: no speech" for name, each in truth.items() if not each]
    return truth


def _differences(
    courses: Sequence[Course], truth: dict[str, list[Spoken]], setup: Setup
) -> list[str]:
    """Return what was wrong with calls that nobody disturbed; a script's first is its truth."""
    found = []
    for course in courses:
        name, finals = course.script.name, course.finals
        if course.failure or course.errors or course.gaps:
            trouble = course.failure or f"{course.errors} {course.gaps}"
            found.append(f"{name} undisturbed: {trouble}")
        elif wrong := setup.judge(course.script, truth.setdefault(name, finals), finals).first:
            found.append(f"{name} differs undisturbed: {wrong}")
    return found


async def _disturbed(
    rig: Rig,
    receivers: Receivers,
    spoken: Sequence[Script],
    truth: dict[str, list[Spoken]],
    results: Results,
) -> None:
    setup = results.setup
    over = asyncio.Event()
    numbers = itertools.count(1)
    driver = Driver(rig, receivers.by_name)
    results.history = driver.history
    absent = {*RECEIVERS} - {*setup.receivers} | (set() if setup.denoise else {"denoise"})
    kinds = troubles(*setup.only, without=absent)
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
