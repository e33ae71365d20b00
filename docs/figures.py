"""Write the benchmarks' figures into the documents, from docs/measurements/*.json.

``python docs/figures.py`` rewrites the places between ``<!-- name -->`` and ``<!-- /name -->``.

``python -m bench all --record`` measures anew, as does ``python -m bench profile --json
docs/measurements/profile.json``; ``make test-clients ARGS=--record`` measures the clients. What no
single run measures is recorded by hand: `targets`, `bus-before` (the release before) and
`other-servers`.
"""

import json
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
MEASUREMENTS = HERE / "measurements"
DOCUMENTS = (
    HERE / "performance.md",
    HERE / "overload.md",
    HERE / "protocols" / "deepgram.md",
    HERE / "protocols" / "openai.md",
)

_PROCESSES = {
    "gateway": "gateway",
    "vad": "VAD",
    "asr": "ASR",
    "redis": "Redis",
    "callers": "callers",
}
_WAYS = {
    "callscribe": "callscribe",
    "short": "the same window, nothing kept behind it",
    "as shown, all encoded": "everything shown is encoded",
    "30 s": "30 s windows",
    "transcribe, 30 s, beam 5": "faster-whisper's `transcribe()`, beam 5",
    "transcribe, 30 s, greedy": "the same, greedy",
}
_STARTED = {
    "gateway": "gateway",
    "vad": "VAD worker",
    "denoise": "denoise worker",
    "asr": "ASR worker",
    "command": "`callscribe`, the command",
    "vad model": "VAD's network, loaded",
    "denoise model": "denoiser's network, loaded",
    "asr model": "faster-whisper, imported",
    "all": "everything",
}
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
_PHASES = {
    "alone": "two callers alone",
    "filling": "filling up",
    "twice": "twice as many as fit",
}
_PROFILED = {"gateway": "Gateway", "vad": "VAD worker, dummy network", "asr": "ASR worker"}
_MOST_PROFILED = 8


def read(name: str) -> dict[str, Any]:
    """Return one file: `date`, `machine` and `figures`, as `bench.record` writes them."""
    report: dict[str, Any] = json.loads((MEASUREMENTS / f"{name}.json").read_text(encoding="utf-8"))
    return report


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    head, *body = [
        f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in line)}|" for line in (columns, *rows)
    ]
    return "\n".join([head, f"|{'---|' * len(columns)}", *body])


def recorded(name: str, text: str) -> str:
    """Return a text with when and where its figures were measured."""
    report = read(name)
    return f"{text}\n\nMeasured on {report['date']}; {report['machine']}."


def render() -> dict[str, str]:
    """Return every text by the name of its place in the documents."""
    return dict(zip(_PLACES, render_of(*_PLACES), strict=True))


def render_of(*names: str) -> list[str]:
    """Return the texts of these places."""
    return [_PLACES[name]() for name in names]


def drawn(document: str) -> str:
    """Return a document with its figures as the files have them."""
    texts = render()
    for name in re.findall(r"<!-- /([\w-]+) -->", document):
        place = re.compile(f"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        document, found = place.subn(lambda m: f"{m[1]}{texts[name]}{m[2]}", document)  # noqa: B023
        assert found == 1, f"no place for {name}"
    return document


def _plain(name: str) -> str:
    figures = read(name)["figures"]
    return recorded(name, table(figures["columns"], figures["rows"]))


def _live() -> str:
    columns = ["calls", "first partial", "partial behind its audio", "endpoint to final"]
    columns += ["end of speech to final", "word errors", "CPU s per second of call", "lost"]
    measures = ("first_partial", "partial_lag", "endpoint_to_final", "finalisation")
    rows = [
        [
            _number(run["calls"]),
            *(_pair(run["latency_ms"][each], "p50", "p95") for each in measures),
            f"{run['wer_percent']:.1f} %",
            f"{sum(run['cpu_s_per_s'].values()):.3f}",
            _number(run["lost"]),
        ]
        for run in read("live")["figures"]["runs"]
    ]
    return recorded("live", "Latencies in ms, p50 / p95:\n\n" + table(columns, rows))


def _other_servers() -> str:
    columns = ["server", "calls", "first right word p50 / p95 s"]
    columns += ["end of speech to final p50 / p95 s", "utterances lost", "word errors"]
    columns += ["CPU s per second of call"]
    rows = [
        [
            row["server"],
            _number(row["calls"]),
            " / ".join(f"{value:.2f}" for value in row["first_word_s"]),
            " / ".join(f"{value:.2f}" for value in row["final_s"]),
            f"{row['lost']} of {row['utterances']}" if "utterances" in row else f"{row['lost']}",
            f"{row['wer_percent']:.1f} %",
            f"{row['cpu_s_per_s']:.2f}",
        ]
        for row in read("other-servers")["figures"]
    ]
    return recorded("other-servers", table(columns, rows))


def _unmodified(protocol: str) -> str:
    """Return the table of the clients of a protocol, which tests/clients measures."""
    columns = ["client", "version", "word errors", "first interim result s"]
    columns += ["last word to final p50 / p95 s"]
    rows = [
        [
            row["client"],
            row["version"],
            f"{row['wer_percent']:.1f} %",
            "none" if row["first_interim_s"] is None else f"{row['first_interim_s']:.2f}",
            " / ".join(f"{value:.2f}" for value in row["final_s"]),
        ]
        for row in read(f"clients-{protocol}")["figures"]
    ]
    return recorded(f"clients-{protocol}", table(columns, rows))


def _asr() -> str:
    figures = read("asr")["figures"]
    ways, summary = figures["ways"], figures["summary"]
    baseline = ways["transcribe, 30 s, beam 5"]["final_ms"]
    rows = [
        [
            label,
            f"{ways[way]['final_ms']:.0f} ms",
            f"{ways[way]['final_ms'] / baseline:.2f}",
            f"{100 * ways[way]['word_error_rate']:.2f} %",
        ]
        for way, label in _WAYS.items()
    ]
    head = f"{figures['utterances']} utterances, {figures['speech_s']:.0f} s of speech, CPU:"
    tail = _wrapped(
        f"A partial costs {ways['callscribe']['partial_ms']:.0f} ms,"
        f" {summary['partial / transcribe greedy']:.2f} of a greedy `transcribe()`. Two cores carry"
        f" {summary['voices on 2 cores, finals']:.0f} voices that never pause, finals alone, or"
        f" {summary['voices on 2 cores, with a partial a second']:.0f} with a partial a second."
    )
    columns = ["way", "final", "of `transcribe()`", "word errors"]
    return recorded("asr", f"{head}\n\n{table(columns, rows)}\n\n{tail}")


def _clauses() -> str:
    figures = read("clauses")["figures"]
    columns = [
        "decoded",
        "words wrong",
        "all decodes, CPU",
        "the last one, p50 / p95, CPU",
        "longest",
    ]
    rows = [
        [
            name if name == "whole" else f"in {name}",
            f"{100 * row['word_error_rate']:.2f} % of {_number(row['words'])}",
            f"{row['cpu_s']:.1f} s",
            f"{_number(row['end_p50_ms'])} / {_number(row['end_p95_ms'])} ms",
            f"{_number(row['end_max_ms'])} ms",
        ]
        for name, row in figures.items()
    ]
    return recorded("clauses", table(columns, rows))


def _context() -> str:
    figures = read("context")["figures"]
    columns = ["decoded", "words wrong", "", "CPU"]
    rows = [
        [
            label,
            f"{row['errors']} of {_number(row['words'])}",
            f"{100 * row['errors'] / row['words']:.2f} %",
            f"{row['cpu_s']:.1f} s",
        ]
        for label, row in figures.items()
    ]
    return recorded("context", table(columns, rows))


def _calls() -> str:
    figures = read("calls")["figures"]
    columns = ["recording", "words", "wrong offline", "wrong streamed"]
    rows = [
        [
            row["name"],
            *(_number(row[each]) for each in ("words", "wrong_offline", "wrong_streamed")),
        ]
        for row in figures["recordings"]
    ]
    offline, streamed = (
        f"{figures[f'wer_{each}_percent']:.2f} %" for each in ("offline", "streamed")
    )
    rows.append(["all", _number(figures["words"]), offline, streamed])
    return recorded("calls", table(columns, rows))


def _bus() -> str:
    columns = ["", *_PROCESSES.values(), "CPU of 200 %", "speech event p50 / p99"]
    rows = []
    for name in ("bus-before", "bus", "bus-talk", "bus-100ms"):
        age = "before" if name == "bus-before" else "now"
        rows += [_bus_row(age, row) for row in read(name)["figures"]]
    return recorded("bus", table([*columns, "result p50 / p99"], rows))


def _bare() -> str:
    runs = read("bus-bare")["figures"]
    names = list(_PROCESSES)[:-1]
    rows: list[list[str]] = []
    for calls in dict.fromkeys(run["sessions"] for run in runs):
        bare, ours = ([r for r in runs if (r["sessions"], r["bare"]) == (calls, b)] for b in (1, 0))
        theirs, mine = _costs(bare, names), _costs(ours, names)
        rows.append(
            [_number(calls), "bare chain", *map("{:.2f}".format, theirs), *_latencies(bare)]
        )
        rows.append([_number(calls), "callscribe", *map("{:.2f}".format, mine), *_latencies(ours)])
        ratios = [f"**{a / b:.2f}**" for a, b in zip(mine, theirs, strict=True)]
        rows.append([_number(calls), "ratio", *ratios, "", ""])
    columns = ["calls", "", *(_PROCESSES[name] for name in names)]
    columns += ["speech event p50 / p99", "result p50 / p99"]
    return recorded("bus-bare", f"Medians of {len(ours)} runs, by turns:\n\n{table(columns, rows)}")


def _costs(runs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[float]:
    return [median(run["cpu"][name] for run in runs) for name in names]


def _latencies(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        " / ".join(_number(median(run[which][place] for run in runs)) for place in (0, 1))
        for which in ("v", "r")
    ]


def _bus_row(age: str, row: Mapping[str, Any]) -> list[str]:
    frames = "" if row["message_ms"] == 32 else f", {row['message_ms']} ms frames"
    return [
        f"{age}, {row['pattern']}, {_number(row['sessions'])}{frames}",
        *(f"{row['cpu'][process]:.2f}" for process in _PROCESSES),
        _number(row["machine_percent"]),
        _pair(row["v"], 0, 1),
        _pair(row["r"], 0, 1),
    ]


def _workers() -> str:
    runs = [read(f"bus-{number}")["figures"][0] for number in (1, 2, 3)]
    names = list(_PROCESSES)[:-1]
    rows = [
        [
            _number(run["workers"]),
            ", ".join(f"{_PROCESSES[name]} {run['cpu'][name]:.2f}" for name in names),
        ]
        for run in runs
    ]
    what = f"{_number(runs[0]['sessions'])} sessions, {runs[0]['pattern']}"
    columns = [f"processes of each kind, {what}", "CPU per session-second, all kinds"]
    return recorded("bus-1", table(columns, rows))


def _redis() -> str:
    runs = read("bus-redis")["figures"]
    names = [name for name in _PROCESSES if name != "callers"]
    rows: list[Sequence[str]] = []
    open_sum = 0.0
    for protection, label in _PROTECTIONS.items():
        own = [run for run in runs if run["redis"] == protection]
        cpu = [median([run["cpu"][name] for run in own]) for name in names]
        open_sum = open_sum or sum(cpu)
        p50, p99 = (_number(median([run["r"][at] for run in own])) for at in (0, 1))
        figures = [f"{each:.2f}" for each in (*cpu, sum(cpu), sum(cpu) / open_sum)]
        rows.append([label, *figures, f"{p50} / {p99}"])
    columns = ["Redis", *(_PROCESSES[name] for name in names), "sum", "ratio", "result p50 / p99"]
    what = f"{_number(runs[0]['sessions'])} calls, {runs[0]['pattern']}; "
    what += f"medians of {len(runs) // len(_PROTECTIONS)} runs, by turns:"
    return recorded("bus-redis", f"{what}\n\n{table(columns, rows)}")


def _clients() -> str:
    rows = [
        [
            _OPERATIONS[row["operation"]],
            _number(row["sessions"]),
            *(f"{each:.1f}" for each in row["cpu"]),
            f"{row['ratio']:.1f}",
            *(f"{each:.1f}" for each in row["wall"]),
        ]
        for row in read("bus-clients")["figures"]
    ]
    columns = ["operation", "calls", "ours, CPU µs", "redis-py, CPU µs", "ratio"]
    columns += ["ours, wall µs", "redis-py, wall µs"]
    return recorded("bus-clients", table(columns, rows))


def _keys() -> str:
    found = read("bus-keys")["figures"]
    none = found["costs"][0]
    rows = [
        [
            _PROOFS[each["way"]],
            f"{each['check']:.0f}",
            "" if each is none else _number(each["more"]),
            f"{1 + each['more'] / none['cpu']:.2f}",
        ]
        for each in found["costs"]
    ]
    columns = ["a call with", "its check, CPU µs", "more than without, CPU µs", "ratio"]
    what = _wrapped(
        f"Medians of {found['rounds']} rounds of {found['calls']} calls each, by turns; what is"
        f" more is the median of each round's difference. A call without a key takes"
        f" {_number(none['cpu'])} µs:"
    )
    return recorded("bus-keys", f"{what}\n\n{table(columns, rows)}")


def _overload() -> str:
    figures = read("overload")["figures"]
    columns = ["", "calls", "finals", "after p50 / p95 ms", "longest", "partial every, p50 / p95"]
    columns += ["refused: number, after p50 / p95 ms"]
    rows = [
        [
            _PHASES[row["phase"]],
            f"{row['calls']:.1f}",
            _number(row["final"]["n"]),
            _pair(row["final"], "p50", "p95"),
            _number(row["final"]["max"]),
            _pair(row["partial_every"], "p50", "p95"),
            "; ".join(
                f"`{reason}` {_number(each['n'])}, {each['p50']:.1f} / {each['p95']:.1f}"
                for reason, each in row["refused"].items()
            )
            or "nobody",
        ]
        for row in figures["phases"]
    ]
    verdict = _wrapped(
        f"Refused within {figures['refused']['p95']:.1f} ms at p95 (aim: below 50). Finals' p95 is"
        f" {figures['final_p95_ratio']:.2f} times that of two calls alone (aim: at most 1.5)."
    )
    return recorded("overload", f"{table(columns, rows)}\n\n{verdict}")


def _overload_in_short() -> str:
    figures = read("overload")["figures"]
    phases = {row["phase"]: row for row in figures["phases"]}
    alone, full = phases["alone"], phases["twice"]
    return _wrapped(
        "Measured on two cores with whisper tiny.en, twice the calls that fit for 60 s"
        f" (`python -m bench overload`): {full['calls']:.0f} calls let in, finals at p95"
        f" {full['final']['p95']:.0f} ms after their endpoint against"
        f" {alone['final']['p95']:.0f} with two calls alone"
        f" ({figures['final_p95_ratio']:.2f} times), partials each"
        f" {full['partial_every']['p50'] / 1000:.2f} s instead of"
        f" {alone['partial_every']['p50'] / 1000:.2f};"
        f" the others refused within {figures['refused']['p95']:.1f} ms at p95."
    )


def _admission() -> str:
    columns = ["scene", "callers", "calls", "finals", "after p50 / p95 ms", "longest"]
    columns += ["after silence p95", "longest", "ASR, of two cores", "refused"]
    rows = [
        [
            f"`{row['scene']}`",
            str(row["callers"]),
            f"{row['calls']:.1f}",
            _number(row["final_ms"]["n"]),
            _pair(row["final_ms"], "p50", "p95"),
            _number(row["final_ms"]["max"]),
            _number(row["after_silence_ms"]["p95"]),
            _number(row["after_silence_ms"]["max"]),
            f"{row['processor']['asr']:.0%}".replace("%", " %"),
            ", ".join(f"`{why}` {_number(n)}" for why, n in row["refused"].items()) or "nobody",
        ]
        for row in read("admission")["figures"]["rows"]
    ]
    return recorded("admission", table(columns, rows))


def _startup() -> str:
    figures = read("startup")["figures"]
    imported, ready = figures["cpu_s"], figures["ready_s"]
    rows = [
        [
            label,
            f"{imported[name]:.2f}" if name in imported else "",
            f"{ready[name]:.1f} s" if name in ready else "",
        ]
        for name, label in _STARTED.items()
    ]
    empty = f"less an empty interpreter's {imported['nothing']:.2f}"
    columns = ["", f"CPU s to import, {empty}", "ready after"]
    return recorded("startup", table(columns, rows))


def _profile() -> str:
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


def _wrapped(text: str) -> str:
    """Return a paragraph, wrapped as all Markdown is."""
    return textwrap.fill(text, 100, break_on_hyphens=False)


def _number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def _pair(values: Any, first: str | int, second: str | int) -> str:
    return f"{_number(values[first])} / {_number(values[second])}"


_PLACES: Mapping[str, Callable[[], str]] = {
    "targets": lambda: _plain("targets"),
    "live": _live,
    "other-servers": _other_servers,
    "clients-deepgram": lambda: _unmodified("deepgram"),
    "clients-openai": lambda: _unmodified("openai"),
    "asr": _asr,
    "clauses": _clauses,
    "context": _context,
    "calls": _calls,
    "bus": _bus,
    "bus-bare": _bare,
    "bus-clients": _clients,
    "bus-redis": _redis,
    "bus-keys": _keys,
    "workers": _workers,
    "overload": _overload,
    "admission": _admission,
    "overload-in-short": _overload_in_short,
    "startup": _startup,
    "profile": _profile,
}


if __name__ == "__main__":
    for path in DOCUMENTS:
        path.write_text(drawn(path.read_text(encoding="utf-8")), encoding="utf-8")
