"""The sink of a run: a file of each call has what its caller was told, in order and once each."""

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio as aioredis

from common.bus import keys
from tests.chaos.caller import Course, untimed
from tests.chaos.judge import Spoken

_NAME = "archive"
_POLL = 0.2


def flags(logs: Path) -> tuple[str, ...]:
    """Return the flags of a gateway that keeps every call in a folder beside the logs."""
    return "--sinks", f"{_NAME}=file:{logs / _NAME}"


async def problems(
    admin: aioredis.Redis, logs: Path, courses: Sequence[Course], patience: float
) -> list[str]:
    """Wait up to `patience` seconds until the sink lacks nothing; return what is wrong with it."""
    end = time.monotonic() + patience
    while (lacking := await admin.zcard(keys.due(_NAME))) and time.monotonic() < end:
        await asyncio.sleep(_POLL)
    found = [f"the sink lacks {lacking} calls"] if lacking else []
    files = [read(path) for path in sorted((logs / _NAME).glob("*/*.ndjson"))]
    return (
        found + [problem for file in files for problem in file.problems] + compare(courses, files)
    )


@dataclass(frozen=True, slots=True)
class File:
    """What a sink has of a call, and what is wrong with that as it stands."""

    session: str
    name: str
    finals: list[Spoken]
    problems: list[str]

    def is_of(self, course: Course) -> bool:
        """Tell whether it is a call's whose session or name its caller knows."""
        return course.session in (self.session, self.name)


def read(path: Path) -> File:
    """Read the file of a call."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    finals = [line for line in lines if line["type"] == "final"]
    kinds = [line["type"] for line in lines]
    problems = []
    if kinds[0] != "session_created" or kinds[-1] != "session_ended":
        problems.append(f"{path} begins with {kinds[0]} and ends with {kinds[-1]}")
    if len({line["id"] for line in lines}) < len(lines):
        problems.append(f"{path} has a message twice")
    if [each["seq"] for each in finals] != sorted({each["seq"] for each in finals}):
        problems.append(f"{path} is out of order")
    fields = ("channel", "utterance", "start", "end", "text")
    spoken = [Spoken(*(each[field] for field in fields)) for each in finals]
    return File(lines[0]["session_id"], lines[0].get("name") or "", spoken, problems)


def compare(courses: Sequence[Course], files: Sequence[File]) -> list[str]:
    """Return how the files differ from what the callers were told.

    A caller that knows neither session nor name is told texts alone. What is left may be of calls
    that ended before they were heard.
    """
    left = [*files]
    found: list[str] = []
    for course in courses:
        if course.failure:
            continue
        own = [file for file in left if file.is_of(course)]
        if not own and course.anonymous:
            own = [file for file in left if _texts(file.finals) == _texts(course.finals)]
        if not own:
            found.append(f"call {course.number} ({course.script.name}) is not in the sink")
            continue
        left.remove(own[0])
        told, kept = (_listed(each, course) for each in (course.finals, own[0].finals))
        if told != kept:
            found.append(f"the sink has of call {course.number} {kept}, and told was {told}")
    spoken = [file for file in left if file.finals]
    away = sum(course.turned_away + bool(course.failure) for course in courses)
    if len(spoken) > away:
        sessions = [file.session for file in spoken]
        found.append(f"{sessions} are in the sink, and only {away} calls were broken off")
    return found


def _listed(finals: Iterable[Spoken], course: Course) -> object:
    """Return what can be compared: per channel, in order."""
    if course.anonymous:
        return _texts(finals)
    said = [untimed(spoken) for spoken in finals]
    return sorted((each for each in said if each.text), key=lambda spoken: spoken.channel)


def _texts(finals: Iterable[Spoken]) -> list[tuple[int, str]]:
    """Return the text of each channel that has one."""
    words: dict[int, list[str]] = {}
    for spoken in finals:
        words.setdefault(spoken.channel, []).extend(spoken.text.split())
    return sorted((channel, " ".join(said)) for channel, said in words.items() if said)
