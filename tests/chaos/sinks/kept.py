"""What a sink has of calls must be what their callers were told, in order and once each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.caller import Course, untimed
from tests.chaos.judge import Spoken

ERASED = "session_erased"
_FIELDS = ("channel", "utterance", "start", "end", "text")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a sink has of a call, and what is wrong with that as it stands.

    `erased`: it knows that there is nothing more to have.
    """

    session: str
    name: str
    finals: list[Spoken]
    problems: list[str] = field(default_factory=list)
    erased: bool = False
    again: int = 0
    """Messages that it got once more."""

    def is_of(self, course: Course) -> bool:
        """Tell whether it is a call's whose session or name its caller knows."""
        return course.session in (self.session, self.name)


def kept(session: str, messages: Iterable[Mapping[str, Any]]) -> Kept:
    """Return what a sink has that got these messages with their `id`, in this order.

    A message may have come again: the first of each id counts.
    """
    got = [*messages]
    first = {each["id"]: each for each in reversed(got)}
    first = {each["id"]: first[each["id"]] for each in got}
    kinds = [each["type"] for each in first.values()]
    finals = [each for each in first.values() if each["type"] == "final"]
    erased, problems = ERASED in kinds, []
    if erased and kinds[-1] != ERASED:
        problems.append(f"{session} goes on behind its erasure: {kinds}")
    if not erased and (kinds[0] != "session_created" or kinds[-1] != "session_ended"):
        problems.append(f"{session} begins with {kinds[0]} and ends with {kinds[-1]}")
    if [each["seq"] for each in finals] != sorted({each["seq"] for each in finals}):
        problems.append(f"{session} is out of order")
    spoken = [Spoken(*(each[name] for name in _FIELDS)) for each in finals]
    name = next((each["name"] for each in first.values() if each.get("name")), "")
    return Kept(session, name, spoken, problems, erased, len(got) - len(first))


def each_kept(messages: Iterable[Mapping[str, Any]]) -> list[Kept]:
    """Return what a sink has of each call; of an erased one only that it was, if there is more."""
    calls: dict[str, list[Mapping[str, Any]]] = {}
    for each in messages:
        calls.setdefault(each["id"].partition(":")[0], []).append(each)
    return [kept(session, some) for session, some in calls.items()]


def compare(courses: Sequence[Course], calls: Sequence[Kept]) -> list[str]:
    """Return how a sink's calls differ from what the callers were told.

    A caller that knows neither session nor name is told texts alone. What is left may be of calls
    that ended before they were heard.
    """
    left = [*calls]
    found: list[str] = []
    for course in courses:
        if course.failure:
            continue
        own = [call for call in left if call.is_of(course)]
        if not own and course.anonymous:
            own = [call for call in left if _texts(call.finals) == _texts(course.finals)]
        if not own:
            found.append(f"call {course.number} ({course.script.name}) is not in the sink")
            continue
        left.remove(own[0])
        told, has = (_listed(each, course) for each in (course.finals, own[0].finals))
        if told != has:
            found.append(f"the sink has of call {course.number} {has}, and told was {told}")
    spoken = [call for call in left if call.finals]
    away = sum(course.turned_away + bool(course.failure) for course in courses)
    if len(spoken) > away:
        sessions = [call.session for call in spoken]
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
