"""Ten callers who call again and again while containers are hurt, and what they were told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.caller import Course, hold
from tests.chaos.judge import Spoken, Verdict, judge
from tests.chaos.scripts import Script, scripts
from tests.chaos.speech import clips
from tests.integration.callscribe.processes import until_true

CALLS = 10
_SCRIPTS = 5
_AHEAD = 3.0
"""How many times as fast as they are spoken the undisturbed calls are held."""
_PATIENCE = 120


@dataclass
class Tally:
    """What became of the calls of one disturbance."""

    calls: int = 0
    words: Verdict = field(default_factory=Verdict)
    resumed: int = 0
    outage: float = 0.0
    """The longest time without a connection."""
    refused: int = 0
    troubles: list[str] = field(default_factory=list)
    """Of calls that did not end as they should, and of words that differ."""


class Callers:
    """What they say, and what they are told when nothing happens."""

    def __init__(self) -> None:
        self._scripts = scripts(11, _SCRIPTS, clips(), seconds=(8.0, 16.0), denoise=True)
        self._truth: dict[str, list[Spoken]] = {}

    def hear(self, url: str) -> int:
        """Hold the calls undisturbed; return the number of their words."""
        courses = [Course(number, script) for number, script in enumerate(self._scripts)]
        asyncio.run(_hold_all(url, courses, _AHEAD))
        for course in courses:
            told = (course.failure, course.errors, course.gaps)
            assert told == ("", [], []), course.script.name
            self._truth[course.script.name] = course.finals
        return sum(len(spoken.words) for course in courses for spoken in course.finals)

    def under(self, url: str, *disturbances: Callable[[], None]) -> Tally:
        """Call all the time while one disturbance after the other is done."""
        assert self._truth, "the calls were never held undisturbed"
        courses = asyncio.run(_Calling(url, self._scripts).during(disturbances))
        tally = Tally(calls=len(courses))
        for course in courses:
            # The recogniser tells samples apart that differ by rounding, as denoised ones may.
            texts = not course.script.options.denoise
            verdict = judge(self._truth[course.script.name], course.finals, texts=texts)
            tally.words.add(verdict)
            tally.resumed += len(course.outages)
            tally.outage = max(tally.outage, *course.outages, 0.0)
            tally.refused += course.turned_away
            told = [course.failure, verdict.first if verdict.wrong else ""]
            tally.troubles += filter(None, [*told, *course.errors, *course.gaps])
        return tally


async def _hold_all(url: str, courses: list[Course], pace: float) -> None:
    await asyncio.gather(*(hold(url, course, pace) for course in courses))


class _Calling:
    """Calls that go on until everything was done to the containers."""

    def __init__(self, url: str, spoken: list[Script]) -> None:
        self._url, self._spoken = url, spoken
        self._courses: list[Course] = []
        self._over = False

    async def during(self, disturbances: tuple[Callable[[], None], ...]) -> list[Course]:
        async with asyncio.TaskGroup() as tasks:
            for line in range(CALLS):
                tasks.create_task(self._call(line))
            try:
                await until_true(lambda: self._open() >= CALLS, _PATIENCE)
                for each in disturbances:
                    await asyncio.to_thread(each)
            finally:
                self._over = True
        return self._courses

    async def _call(self, line: int) -> None:
        number = line
        while not self._over:
            course = Course(number, self._spoken[number % len(self._spoken)])
            self._courses.append(course)
            await hold(self._url, course)
            number += 1

    def _open(self) -> int:
        return sum(bool(course.session) for course in self._courses)
