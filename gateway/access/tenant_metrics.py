"""The metrics that have a label for each tenant, and the bound on these labels."""

from dataclasses import dataclass, field
from typing import NamedTuple, Self

from prometheus_client import CollectorRegistry, Counter, Summary

MOST_TENANTS = 500
"""Tenants that a process names. They come from keys, and from tokens of another authority, which
may name any number of them."""
MOST_ENTITIES = 32
"""Kinds of masks that a process names: an operator's function may name any number of them."""
MOST_WAYS = 16
"""Pairs of a language and a protocol that a process names of one tenant."""
OTHERS = "_others"
"""The label of all further tenants, kinds and ways. No tenant's name begins so."""


class Speech(NamedTuple):
    """Whose call it is, in which language its speaker is heard, and over which protocol."""

    tenant: str
    language: str
    protocol: str


@dataclass(frozen=True)
class TenantMetrics:
    """What tenants use, by `tenant`: what `GET /v1/usage` has gained through this process.

    Two gateways count no call twice. `GET /v1/usage` has the figures to go by: a counter ends with
    its process, and lacks what Redis has counted if its answer is lost.
    """

    calls: Counter
    """Calls."""
    legs: Counter
    """Legs of these calls."""
    audio: Counter
    """Seconds of audio, all legs."""
    speech: Counter
    """Seconds of speech in this audio."""
    masks: Counter
    """Masks in finals by `entity`, what they hide. One may be counted twice where its gateway died;
    a transcript's `redacted` counts exactly. None for long in calls that hide something: look
    whether a recogniser, or a customer's speech, has changed."""
    turn_ends: Counter
    """Utterances that silence ended, as `callscribe_turn_ends_total` has them, by `language` and
    `protocol`. Many cut of one tenant or language: its calls need longer silences."""
    turn_delay: Summary
    """Seconds from the end of speech until silence ended it, by `language` and `protocol`."""
    _named: set[str] = field(default_factory=set)
    _entities: set[str] = field(default_factory=set)
    _ways: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    @classmethod
    def build(cls, registry: CollectorRegistry) -> Self:
        """Register the group."""

        def by_tenant(name: str, what: str) -> Counter:
            return Counter(f"callscribe_tenant_{name}", what, ["tenant"], registry=registry)

        return cls(
            calls=by_tenant("calls_total", "Calls, by tenant"),
            legs=by_tenant("legs_total", "Legs of calls, by tenant"),
            audio=by_tenant("audio_seconds_total", "Audio received, by tenant"),
            speech=by_tenant("speech_seconds_total", "Speech in this audio, by tenant"),
            masks=Counter(
                "callscribe_tenant_masks_total",
                "Masks in finals, by tenant and by what they hide",
                ["tenant", "entity"],
                registry=registry,
            ),
            turn_ends=Counter(
                "callscribe_tenant_turn_ends_total",
                "Utterances that silence ended, by tenant and by what was said next",
                [*Speech._fields, "judged"],
                registry=registry,
            ),
            turn_delay=Summary(
                "callscribe_tenant_turn_delay_seconds",
                "From the end of speech to the decision that ends it, by tenant",
                Speech._fields,
                registry=registry,
            ),
        )

    def add(self, tenant: str, *, calls: int, legs: int, audio: float, speech: float) -> None:
        """Count what a tenant has used more; audio and speech in s."""
        tenant = _bounded(tenant, self._named, MOST_TENANTS)
        self.calls.labels(tenant).inc(calls)
        self.legs.labels(tenant).inc(legs)
        self.audio.labels(tenant).inc(audio)
        self.speech.labels(tenant).inc(speech)

    def add_mask(self, tenant: str, entity: str) -> None:
        """Count a mask in a final of a tenant's call."""
        entity = _bounded(entity, self._entities, MOST_ENTITIES)
        self.masks.labels(_bounded(tenant, self._named, MOST_TENANTS), entity).inc()

    def add_turn_end(self, speech: Speech, judged: str) -> None:
        """Count a turn that silence ended."""
        self.turn_ends.labels(*self._named_speech(speech), judged).inc()

    def add_turn_delay(self, speech: Speech, seconds: float) -> None:
        """Take note of how long silence took to end a turn."""
        self.turn_delay.labels(*self._named_speech(speech)).observe(seconds)

    def _named_speech(self, speech: Speech) -> Speech:
        tenant = _bounded(speech.tenant, self._named, MOST_TENANTS)
        way = (speech.language, speech.protocol)
        ways = self._ways.setdefault(tenant, set())
        if way not in ways and len(ways) >= MOST_WAYS:
            return Speech(tenant, OTHERS, OTHERS)
        ways.add(way)
        return Speech(tenant, *way)


def _bounded(label: str, known: set[str], most: int) -> str:
    """Return a label, or that of all others if there are too many, and remember it."""
    if label not in known and len(known) >= most:
        return OTHERS
    known.add(label)
    return label
