"""The metrics that have a label for each tenant, and the bound on these labels."""

from dataclasses import dataclass, field
from typing import Self

from prometheus_client import CollectorRegistry, Counter

MOST_TENANTS = 500
"""Tenants that a process names. They come from keys, and from tokens of another authority, which
may name any number of them."""
MOST_ENTITIES = 32
"""Kinds of masks that a process names: an operator's function may name any number of them."""
OTHERS = "_others"
"""The label of all further tenants, and of all further kinds. No tenant's name begins so."""


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
    _named: set[str] = field(default_factory=set)
    _entities: set[str] = field(default_factory=set)

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


def _bounded(label: str, known: set[str], most: int) -> str:
    """Return a label, or that of all others if there are too many, and remember it."""
    if label not in known and len(known) >= most:
        return OTHERS
    known.add(label)
    return label
