"""The tables of the bus and of the processes around it."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from docs.figures.writing import number, pair, read, recorded, table, wrapped

_PROCESSES = {
    "gateway": "gateway",
    "vad": "VAD",
    "asr": "ASR",
    "redis": "Redis",
    "callers": "callers",
}
_OURS = list(_PROCESSES)[:-1]
"""All but the callers."""

_PROTECTIONS = {
    "none": "open to all",
    "acl": "a user for each service",
    "tls": "users and TLS",
}
_PROOFS = {
    "no keys": "no key, where none is needed",
    "API key": "an API key",
    "short-lived token": "a short-lived token",
    "JWT, HS256": "a JSON Web Token, HS256",
    "JWT, RS256": "a JSON Web Token, RS256",
}
_OPERATIONS = {
    "append": "append audio, each leg",
    "read": "read new entries, each leg",
    "offer": "offer and close a work item",
    "ask": "one command alone",
}
_PROFILED = {"gateway": "Gateway", "vad": "VAD worker, dummy network", "asr": "ASR worker"}
_MOST_PROFILED = 8


def bus() -> str:
    """Return the costs of a session now and before, by load."""
    columns = ["", *_PROCESSES.values(), "CPU of 200 %", "speech event p50 / p99"]
    rows = []
    for name in ("bus-before", "bus", "bus-talk", "bus-100ms"):
        age = "before" if name == "bus-before" else "now"
        rows += [_bus_row(age, row) for row in read(name)["figures"]]
    return recorded("bus", table([*columns, "result p50 / p99"], rows))


def bare() -> str:
    """Return our costs beside the bare chain's."""
    runs = read("bus-bare")["figures"]
    rows: list[list[str]] = []
    for calls in dict.fromkeys(run["sessions"] for run in runs):
        bare, ours = ([r for r in runs if (r["sessions"], r["bare"]) == (calls, b)] for b in (1, 0))
        theirs, mine = _costs(bare), _costs(ours)
        rows.append([number(calls), "bare chain", *map("{:.2f}".format, theirs), *_latencies(bare)])
        rows.append([number(calls), "callscribe", *map("{:.2f}".format, mine), *_latencies(ours)])
        ratios = [f"**{a / b:.2f}**" for a, b in zip(mine, theirs, strict=True)]
        rows.append([number(calls), "ratio", *ratios, "", ""])
    columns = ["calls", "", *(_PROCESSES[name] for name in _OURS)]
    columns += ["speech event p50 / p99", "result p50 / p99"]
    return recorded("bus-bare", f"Medians of {len(ours)} runs, by turns:\n\n{table(columns, rows)}")


def _costs(runs: Sequence[Mapping[str, Any]]) -> list[float]:
    return [median(run["cpu"][name] for run in runs) for name in _OURS]


def _latencies(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        " / ".join(number(median(run[which][place] for run in runs)) for place in (0, 1))
        for which in ("v", "r")
    ]


def _bus_row(age: str, row: Mapping[str, Any]) -> list[str]:
    frames = "" if row["message_ms"] == 32 else f", {row['message_ms']} ms frames"
    return [
        f"{age}, {row['pattern']}, {number(row['sessions'])}{frames}",
        *(f"{row['cpu'][process]:.2f}" for process in _PROCESSES),
        number(row["machine_percent"]),
        pair(row["v"], 0, 1),
        pair(row["r"], 0, 1),
    ]


def workers() -> str:
    """Return what more processes of each kind cost."""
    runs = [read(f"bus-{number}")["figures"][0] for number in (1, 2, 3)]
    rows = [
        [
            number(run["workers"]),
            ", ".join(f"{_PROCESSES[name]} {run['cpu'][name]:.2f}" for name in _OURS),
        ]
        for run in runs
    ]
    what = f"{number(runs[0]['sessions'])} sessions, {runs[0]['pattern']}"
    columns = [f"processes of each kind, {what}", "CPU per session-second, all kinds"]
    return recorded("bus-1", table(columns, rows))


def redis() -> str:
    """Return the costs with users and with TLS."""
    runs = read("bus-redis")["figures"]
    rows: list[Sequence[str]] = []
    open_sum = 0.0
    for protection, label in _PROTECTIONS.items():
        own = [run for run in runs if run["redis"] == protection]
        cpu = _costs(own)
        open_sum = open_sum or sum(cpu)
        figures = [f"{each:.2f}" for each in (*cpu, sum(cpu), sum(cpu) / open_sum)]
        rows.append([label, *figures, _latencies(own)[-1]])
    columns = ["Redis", *(_PROCESSES[name] for name in _OURS), "sum", "ratio", "result p50 / p99"]
    what = f"{number(runs[0]['sessions'])} calls, {runs[0]['pattern']}; "
    what += f"medians of {len(runs) // len(_PROTECTIONS)} runs, by turns:"
    return recorded("bus-redis", f"{what}\n\n{table(columns, rows)}")


def clients() -> str:
    """Return our Redis client's costs beside those of redis-py."""
    rows = [
        [
            _OPERATIONS[row["operation"]],
            number(row["sessions"]),
            *(f"{each:.1f}" for each in row["cpu"]),
            f"{row['ratio']:.1f}",
            *(f"{each:.1f}" for each in row["wall"]),
        ]
        for row in read("bus-clients")["figures"]
    ]
    columns = ["operation", "calls", "ours, CPU µs", "redis-py, CPU µs", "ratio"]
    columns += ["ours, wall µs", "redis-py, wall µs"]
    return recorded("bus-clients", table(columns, rows))


def keys() -> str:
    """Return what it costs to check who calls."""
    found = read("bus-keys")["figures"]
    none = found["costs"][0]
    rows = [
        [
            _PROOFS[each["way"]],
            f"{each['check']:.0f}",
            "" if each is none else number(each["more"]),
            f"{1 + each['more'] / none['cpu']:.2f}",
        ]
        for each in found["costs"]
    ]
    columns = ["a call with", "its check, CPU µs", "more than without, CPU µs", "ratio"]
    what = wrapped(
        f"Medians of {found['rounds']} rounds of {found['calls']} calls each, by turns; what is"
        f" more is the median of each round's difference. A call without a key takes"
        f" {number(none['cpu'])} µs:"
    )
    return recorded("bus-keys", f"{what}\n\n{table(columns, rows)}")


def profile() -> str:
    """Return where the processes spend their time."""
    figures = read("profile")["figures"]
    loads = {"asr": f"{figures['calls']} live calls"}
    blocks = []
    for name, label in _PROFILED.items():
        profile = figures["processes"][name]
        lines = [f"{profile['samples']} samples"]
        for kind in ("total", "self"):
            lines.append(f"  {kind}")
            shares = list(profile[kind].items())[:_MOST_PROFILED]
            lines += [f"  {share:5.1f} %  {frame}" for frame, share in shares]
        load = loads.get(name, f"{figures['sessions']} sessions")
        blocks.append("\n".join([f"{label}, {load}:", "", "```", *lines, "```"]))
    return recorded("profile", "\n\n".join(blocks))
