"""What a run showed, for people and as JSON; the last line is the summary."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.chaos.driver import Happened
from tests.chaos.experiment import Judged, Results
from tests.chaos.progress import Progress, Spread, last
from tests.chaos.residue import Sizes

_MOST_FAULTS = 30
_MARKS = (0.0, 1.0, 5.0, 15.0, 30.0)
"""Minutes at which sizes are told, beside the last ones."""


def stored(results: Results) -> dict[str, Spread]:
    """Return per kind of fault the time until new audio of every running call was stored."""
    calls = [judged.course.progress for judged in results.calls]
    return _by_kind(results.history, calls, Progress.stored_after)


def answered(results: Results) -> dict[str, Spread]:
    """Return per kind of fault the time until new audio of every running call had a transcript.

    Of calls with partials; the pauses that callers make are part of it.
    """
    courses = [judged.course for judged in results.calls]
    calls = [c.progress for c in courses if c.script.partials]
    return _by_kind(results.history, calls, Progress.answered_after)


def _by_kind(
    history: Sequence[Happened],
    calls: Sequence[Progress],
    measure: Callable[[Progress, float], float | None],
) -> dict[str, Spread]:
    values: dict[str, list[float]] = {}
    for happened in history:
        moment = happened.began
        took = last(measure(call, moment) for call in calls if call.runs(moment))
        if took is not None:
            values.setdefault(happened.fault.kind, []).append(took)
    return {kind: Spread.of(each) for kind, each in sorted(values.items())}


def takeovers(results: Results) -> dict[str, Spread]:
    """Return per stage the time until a killed worker's work items had other owners."""
    values: dict[str, list[float]] = {}
    for happened in results.history:
        if happened.takeover is not None:
            values.setdefault(happened.fault.target, []).append(happened.takeover)
    return {stage: Spread.of(each) for stage, each in sorted(values.items())}


def report(results: Results) -> Iterator[str]:
    """Yield the lines of the report; the summary is the last."""
    for judged in results.calls:
        if not judged.good:
            yield from _failed(judged, results.setup.seed)
    yield from _table("until new audio of every call is stored, s", stored(results))
    yield from _table("until new audio of every call has a transcript, s", answered(results))
    yield from _table("until a killed worker's work items are taken over, s", takeovers(results))
    yield from _table("calls, s", _of_calls(results))
    yield from _table("from the end of an utterance to its final, s", results.waits)
    yield from _sizes(results.sizes)
    if results.residue.keys:
        yield f"keys that wait for their end: {results.residue.keys}"
    spoken = Counter(judged.course.script.protocol for judged in results.calls)
    yield "calls by protocol: " + ", ".join(f"{name} {n}" for name, n in sorted(spoken.items()))
    turned_away = sum(judged.course.turned_away for judged in results.calls)
    resumed = sum(len(judged.course.outages) for judged in results.calls)
    lag = max((judged.course.most_lag for judged in results.calls), default=0.0)
    for name, calls in results.kept.items():
        again = sum(call.again for call in calls)
        erased = sum(call.erased for call in calls)
        yield f"{name} has {len(calls)} calls, {erased} as erased; {again} messages came again"
    yield f"{results.total.stayed} words stayed as partials had shown them"
    yield f"resumed {resumed} times, not let in at once {turned_away} times"
    yield f"at most {lag:.1f} s behind the audio accepted"
    yield f"{results.failed_starts} times a process found Redis unusable as it started"
    for problem in (*results.truth_problems, *results.problems, *results.residue.problems):
        yield f"PROBLEM {problem}"
    yield f"logs: {results.logs}"
    yield summary(results)


def summary(results: Results) -> str:
    """Return the counts in one line."""
    total = results.total
    failed = sum(bool(judged.course.failure) for judged in results.calls)
    gaps = sum(len(judged.course.gaps) for judged in results.calls)
    leaks = results.residue
    return (
        f"{'OK' if results.good else 'FAILED'} seed {results.setup.seed}:"
        f" {len(results.history)} faults, {len(results.calls)} calls, {total.words} words:"
        f" {total.lost} lost, {total.doubled} doubled, {total.reordered} reordered,"
        f" {total.changed} changed;"
        f" {failed} calls failed, {gaps} gaps,"
        f" {len(leaks.forever)} keys, {sum(leaks.work_items.values())} work items,"
        f" {len(leaks.processes)} processes leaked;"
        f" {len(results.problems) + len(results.truth_problems)} other problems"
    )


def as_json(results: Results) -> dict[str, Any]:
    """Return figures and failures for a file."""
    return {
        "summary": summary(results),
        "good": results.good,
        "seed": results.setup.seed,
        "mode": results.setup.mode,
        "stored_s": {kind: _spread(each) for kind, each in stored(results).items()},
        "answered_s": {kind: _spread(each) for kind, each in answered(results).items()},
        "calls_s": {name: _spread(each) for name, each in _of_calls(results).items()},
        "finals_s": {what: _spread(each) for what, each in results.waits.items()},
        "takeover_s": {stage: _spread(each) for stage, each in takeovers(results).items()},
        "sizes": [
            {
                "minutes": each.minutes,
                "memory_mb": each.memory,
                "ages_s": each.ages,
                "redis_data_mb": each.redis_data,
                "redis_keys": each.redis_keys,
                "work_items": each.work_items,
            }
            for each in results.sizes
        ],
        "failures": [
            "\n".join(_failed(judged, results.setup.seed))
            for judged in results.calls
            if not judged.good
        ],
        "problems": [*results.truth_problems, *results.problems, *results.residue.problems],
        "faults": [str(happened) for happened in results.history],
    }


def _of_calls(results: Results) -> dict[str, Spread]:
    courses = [judged.course for judged in results.calls if not judged.course.failure]
    values = {
        "without a connection until resumed": [s for c in courses for s in c.outages],
        "from the last word to the end": [c.ended - c.progress.sent_at[-1] for c in courses],
        "longer than its audio": [c.ended - c.began - c.script.seconds for c in courses],
    }
    return {name: Spread.of(each) for name, each in values.items() if each}


def _failed(judged: Judged, seed: int) -> Iterator[str]:
    course = judged.course
    yield f"seed {seed}, call {course.number}, script {course.script.name}, {course.session}:"
    yield f"  {course.failure or 'it came to its end'}; errors {course.errors}, gaps {course.gaps}"
    yield f"  {judged.verdict}"
    yield from (f"  {_since(each, course.began)}" for each in judged.faults[-_MOST_FAULTS:])


def _since(happened: Happened, began: float) -> str:
    return f"{happened.began - began:+.2f} s into the call: {happened}"


def _spread(spread: Spread) -> dict[str, float]:
    return {
        "n": spread.count,
        "p50": round(spread.p50, 3),
        "p95": round(spread.p95, 3),
        "max": round(spread.most, 3),
    }


def _table(title: str, rows: dict[str, Spread]) -> Iterator[str]:
    yield f"{title:50} {'n':>4} {'p50':>6} {'p95':>6} {'max':>6}"
    for name, each in rows.items():
        yield f"  {name:48} {each.count:4} {each.p50:6.2f} {each.p95:6.2f} {each.most:6.2f}"


def _sizes(sizes: Sequence[Sizes]) -> Iterator[str]:
    if not sizes:
        return
    at_marks = [next((s for s in sizes if s.minutes >= mark), None) for mark in _MARKS]
    told = [each for each in at_marks if each is not None] + [sizes[-1]]
    for each in dict.fromkeys(id(s) for s in told):
        one = next(s for s in told if id(s) == each)
        memory = ", ".join(f"{name} {size:g}" for name, size in one.memory.items())
        yield (
            f"at {one.minutes:g} min, MB: {memory}; Redis holds {one.redis_data:g} MB in"
            f" {one.redis_keys} keys, {one.work_items} work items"
        )
