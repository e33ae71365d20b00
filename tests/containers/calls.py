"""Ten callers who call again and again while containers are hurt, and what they were told."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from callscribe.client import connect
from tests.chaos.caller import Course, hold
from tests.chaos.judge import Spoken, Verdict, judge
from tests.chaos.scripts import Script, scripts
from tests.chaos.speech import clips
from tests.integration.callscribe.processes import until_true

CALLS = 10
_SCRIPTS = 5
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

    def under(self, url: str, *disturbances: Callable[[], None]) -> Tally:
        """Call all the time while one disturbance after the other is done."""
        if not self._truth:
            self._truth = self._hear(url)
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
            tally.troubles += [*_troubles(course), *([verdict.first] if verdict.wrong else [])]
        return tally

    def _hear(self, url: str) -> dict[str, list[Spoken]]:
        """Hold each call undisturbed; return what it was told."""
        courses = [Course(number, script) for number, script in enumerate(self._scripts)]
        asyncio.run(_hold_all(url, courses))
        troubles = {each.script.name: _troubles(each) for each in courses}
        assert not any(troubles.values()), troubles
        return {course.script.name: course.finals for course in courses}


def _troubles(course: Course) -> list[str]:
    """Return what went wrong in a call. Some callers flush within a sample, and are told of it."""
    errors = [each for each in course.errors if not each.startswith("truncated_sample")]
    return [*filter(None, [course.failure]), *errors, *course.gaps]


async def _hold_all(url: str, courses: list[Course]) -> None:
    await asyncio.gather(*(hold(url, course) for course in courses))


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


def hold_open(url: str, count: int) -> list[str]:
    """Open so many calls beside each other, and end them; return the ids of their sessions."""

    async def opened() -> list[str]:
        async with AsyncExitStack() as calls:
            each = [await calls.enter_async_context(connect(url)) for _ in range(count)]
            return [call.session_id for call in each]

    return asyncio.run(opened())
