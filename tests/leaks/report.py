"""What a run found, and whether it proves anything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.leaks.experiment import Left
from tests.leaks.search import Searcher

CONTROLS = ("disk", "keys", "logs", "sinks", "clients", "webhook", "pages", "recordings")
"""Where the secrets of calls that hide nothing must be found."""


@dataclass(slots=True)
class Verdict:
    """What was found of calls that hide their secrets, and of those that hide nothing."""

    leaks: dict[str, set[str]] = field(default_factory=dict)
    controls: dict[str, set[str]] = field(default_factory=dict)
    told: int = 0
    """Secrets that a recogniser heard whole, in calls that hide them."""
    planted: int = 0
    recorded: int = 0
    """Calls with recordings."""

    @property
    def leaking(self) -> Mapping[str, set[str]]:
        """The places where something leaked."""
        return {where: found for where, found in self.leaks.items() if found}

    @property
    def blind(self) -> list[str]:
        """The places where the search finds nothing of what is there."""
        return [where for where in CONTROLS if not self.controls[where]]


def judged(left: Left) -> Verdict:
    """Search everything that is left."""
    hidden = Searcher(s for call in left.calls if call.hides for s in call.said.secrets)
    shown = Searcher(s for call in left.calls if not call.hides for s in call.said.secrets)
    verdict = Verdict(planted=len(hidden.secrets))
    for where, data in left.data.items():
        verdict.leaks[where] = hidden.in_bytes(data)
        verdict.controls[where] = shown.in_bytes(data)
    for where, messages in left.messages.items():
        verdict.leaks[where] = hidden.in_messages(messages)
        verdict.controls[where] = shown.in_messages(messages)
    verdict.controls["recordings"] = set()
    for call in left.calls:
        own, name = Searcher(call.said.secrets), f"call {call.number} ({call.protocol})"
        lines = left.recorded[call.number]
        verdict.recorded += bool(lines)
        said = {part for line in lines for part in own.in_text(line)}
        if call.hides:
            verdict.leaks |= {name: own.in_messages(call.told), f"recording of {name}": said}
        else:
            verdict.controls["recordings"] |= said
    legs = [hidden.told(texts) for texts in left.heard.values()]
    verdict.told = len({secret for leg in legs for secret in leg})
    return verdict


def lines(left: Left, verdict: Verdict) -> Iterator[str]:
    """Yield what a person reads of it."""
    yield f"{len(left.calls)} calls, {left.faults} faults, {verdict.planted} secrets to hide"
    yield f"{verdict.told} of them were heard whole"
    size = sum(map(len, left.data.values())) / 1e6
    yield f"searched {size:.0f} MB: {', '.join([*left.data, *left.messages])}"
    yield f"listened to the recordings of {verdict.recorded} calls"
    for where, found in verdict.leaking.items():
        yield f"LEAK in {where}: {', '.join(sorted(found)[:8])}"
    for where in verdict.blind:
        yield f"the search finds nothing in {where}, where secrets of open calls are"
    yield from left.problems
    for call in left.calls:
        if call.failure:
            yield f"call {call.number} ({call.protocol}): {call.failure}"
