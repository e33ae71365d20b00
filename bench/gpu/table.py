"""The figures as text."""

from collections.abc import Sequence

from bench.gpu.burst import Burst
from bench.gpu.long import Cost, Kept
from bench.gpu.tally import BEHIND_WITHIN, FINAL_WITHIN, Figures, Spread

_HEADER = (
    f"{'':>15}|{'held':>5} |{'first text':^18} |{'behind':^18} |{'endpoint to final':^18} |"
    f"{'wait: finals':^13}|{'partials':^12} |{'tokens/s':^14}|{'cached':>7} |{'CPU ms/s':^14}|\n"
    f"{'lines':>5} {'way':<9}|{'':>5} |" + f"{'p50':>6}{'p95':>6}{'p99':>6} |" * 3 + ""
    f"{'p50':>6}{'p95':>6} |{'p50':>6}{'p95':>6} |{'read':>7}{'write':>6} |{'%':>7} |"
    f"{'worker':>7}{'engine':>7}| finals dropped failed left late"
)


def sessions(rows: Sequence[Figures], *, header: bool) -> str:
    """Return runs as lines; times in ms, CPU in ms per session-second."""
    return "\n".join([*([_HEADER] if header else []), *(_run(row) for row in rows)])


def held(rows: Sequence[Figures]) -> str:
    """Return by way the largest number of lines that was held in real time."""
    best: dict[str, int] = {}
    for row in rows:
        best[row.way] = max(best.get(row.way, 0), row.sessions if row.held else 0)
    listed = ", ".join(f"{way} {lines}" for way, lines in best.items())
    return (
        f"lines held (p95: final within {FINAL_WITHIN} s of its endpoint, text less than"
        f" {BEHIND_WITHIN} s behind): {listed}"
    )


def costs(rows: Sequence[Cost]) -> str:
    """Return what a partial costs by the length of its utterance."""
    lines = [f"{'a partial at':>12} |{'ours ms':>8} cached % |{'one clip ms':>12} cached %"]
    lines += [
        f"{row.seconds:>10.0f} s |{row.ours_ms:>8.1f} {row.ours_cached_percent:>8.1f} |"
        f"{row.single_ms:>12.1f} {row.single_cached_percent:>8.1f}"
        for row in rows
    ]
    return "\n".join(lines)


def kept_header(seconds: float) -> str:
    """Return the header over `kept` lines about utterances of `seconds`."""
    return f"{f'after {seconds:.0f} s x':>12} | worker MB | engine MB"


def kept(row: Kept) -> str:
    """Return the line with the memory after a number of long utterances."""
    return f"{row.utterances:>12} |{row.worker_mb:>10.0f} |{row.engine_mb:>10.0f}"


def burst(row: Burst) -> str:
    """Return the burst's figures as sentences."""
    return (
        f"{row.utterances} utterances: {row.together_s:.2f} s together, {row.one_by_one_s:.2f} s"
        f" one by one: {row.ratio:.1f} times faster\n"
        f"queue wait, p50 p95 ms, while {row.flooding} utterances flood ({row.partials} partials"
        f" served): finals{_two(row.final_wait)}, partials{_two(row.partial_wait)}\n"
        f"{row.cancelled} decodes cancelled: {row.unfinished} left after {row.gone_after_s:.2f} s"
    )


def _run(row: Figures) -> str:
    return (
        f"{row.sessions:>5} {row.way:<9}|{'yes' if row.held else 'no':>5} |"
        f"{_three(row.first)} |{_three(row.behind)} |{_three(row.final)} |"
        f"{_two(row.wait_final)} |{_two(row.wait_partial)} |"
        f"{row.prompt_per_s:>7.0f}{row.generated_per_s:>6.0f} |{row.cached_percent:>7.1f} |"
        f"{row.worker_cpu:>7.1f}{row.engine_cpu:>7.1f}|"
        f"{row.utterances:>7}{row.dropped:>8}{row.failed:>7}{row.unfinished:>5}{row.late:>5.0f}"
    )


def _three(spread: Spread) -> str:
    return f"{_two(spread)}{_number(spread.p99)}"


def _two(spread: Spread) -> str:
    return f"{_number(spread.p50)}{_number(spread.p95)}"


def _number(value: float | None) -> str:
    return f"{'-':>6}" if value is None else f"{value:>6.0f}"
