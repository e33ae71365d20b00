"""The scaler's rule: ceil((units + buffer) / units per pod), as KEDA and the HPA compute it.

A metric of type AverageValue is compared with threshold times replicas, so the HPA asks for
ceil(metric / threshold). It does nothing while the two differ by no more than its tolerance. The
buffer is what arrives until a pod that is asked for now carries calls, so that the pod comes before
it is needed.
"""

from dataclasses import dataclass
from math import ceil, exp, sqrt

TOLERANCE = 0.1
"""By which the HPA lets a metric miss its target: kube-controller-manager's default."""
SYNC_S = 15.0
"""Between two looks of the HPA: kube-controller-manager's default. KEDA asks Prometheus then."""
SCALE_DOWN_WINDOW_S = 600
"""The highest recommendation of this time holds, so that noise removes no pod missed soon after."""
SCALE_DOWN_PERIOD_S = 60
"""One pod is removed in this time."""
SCALE_UP_PERIOD_S = 15
SCALE_UP_PODS = 4
"""In one period the pods double, or grow by this number if that is more."""
LAG_S = 0.25
"""Half of the lag at which calls are refused."""

_DEVIATIONS = 3.0
"""How far chance may move the number of calls, in standard deviations."""


@dataclass(frozen=True)
class Site:
    """What the buffer protects from: growth, and calls that come and go by chance."""

    calls_per_min: float
    calls: int
    """The most at a time."""
    call_s: float
    """How long they last on average."""


def buffer(site: Site, start_s: float, scrape_s: float, units_per_call: int = 1) -> int:
    """Return the units that may come until a pod that is asked for now is there.

    Calls that arrive and end at random change their number n, within the time t, by a variance of
    2 n (1 - exp(-t / mean length)): the M/G/infinity queue, for exponential lengths.
    """
    delay = scrape_s + SYNC_S + start_s
    growth = site.calls_per_min / 60 * delay
    chance = sqrt(2 * site.calls * (1 - exp(-delay / site.call_s)))
    return ceil((growth + _DEVIATIONS * chance) * units_per_call)


def most_per_pod(capacity: float) -> int:
    """Return the largest number of units per pod at which a full pod is beyond the tolerance."""
    return int(capacity / (1 + TOLERANCE))
