"""The sites that are simulated: those of deploy/kubernetes, and a fifth of one for recordings."""

import tomllib
from functools import cache
from pathlib import Path

from bench.scaler.simulation import Pool
from deploy.kubernetes import scaling
from deploy.kubernetes.processes import set_or_default
from deploy.kubernetes.values import Values, read

SITES = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes" / "sites"
RECORDED = "a fifth of large"
"""`large.toml` for a fifth of its calls: what two cores carry while they are recorded."""

CALLS = {"large": (300, 900), "gpu": (1000, 3000), RECORDED: (60, 180)}
"""The calls that the comments in these files of values promise: before and after the ramp."""
_BOUNDS = {"gateway": "max_sessions", "vad": "vad_slots"}
_RECOGNISED = {"large": 16, "gpu": 132, RECORDED: 16}
"""Calls that a recogniser carries: on two cores as measured (docs/scaling.md), on a GPU as much as
the HPA's tolerance may put on it."""


@cache
def values_of(site: str) -> Values:
    """Return the values of a site.

    The one at a fifth has gateways and VAD workers of a fifth of the size, so that as many of them
    come and go, and the recognisers of `large`. Its calls have one channel.
    """
    if site != RECORDED:
        return read(tomllib.loads((SITES / f"{site}.toml").read_text()))
    table = tomllib.loads((SITES / "large.toml").read_text())
    table["gateway"]["per_pod"] //= 5
    table["gateway"]["settings"]["max_sessions"] //= 5
    table["vad"] |= {"per_pod": 230 // 5, "settings": {"vad_slots": 256 // 5}}
    table["autoscaling"]["calls_per_min"] //= 5
    table["autoscaling"]["legs_per_call"] = 1
    return read(table)


def pools(site: str) -> tuple[list[Pool], int]:
    """Return the pools of every call, gateways first, and the interval of the scrapes in s.

    A gateway and a VAD worker take what their settings allow.
    """
    values = values_of(site)
    assert values.autoscaling is not None
    assert values.monitoring is not None
    found = []
    for name, service in values.services().items():
        if name in _BOUNDS:
            capacity = set_or_default(service, name, _BOUNDS[name])
        elif name == "asr":
            capacity = _RECOGNISED[site]
        else:
            continue
        found.append(
            Pool(
                name=name,
                per_pod=scaling.per_pod(values.autoscaling, service),
                capacity=capacity,
                least=service.replicas,
                most=service.max_replicas,
                start_s=service.start_s,
                buffer=scaling.buffer(values, values.autoscaling, name, service),
                per_call=values.autoscaling.legs_per_call if name in scaling.LEGS else 1,
            )
        )
    return found, values.monitoring.interval_s


def questions(site: str) -> dict[str, str]:
    """Return what KEDA asks Prometheus, by pool and trigger: `vad units`, `vad lag`."""
    values = values_of(site)
    assert values.autoscaling is not None
    services = values.services()
    return {
        f"{pool.name} {trigger['name']}": trigger["metadata"]["query"]
        for pool in pools(site)[0]
        for trigger in scaling.scaled_object(
            values, values.autoscaling, pool.name, services[pool.name]
        )["spec"]["triggers"]
    }
