"""The tables of what decodes cost and get wrong."""

from docs.figures.writing import number, read, recorded, table, wrapped

_WAYS = {
    "callscribe": "callscribe",
    "short": "the same window, nothing kept behind it",
    "as shown, all encoded": "everything shown is encoded",
    "30 s": "30 s windows",
    "transcribe, 30 s, beam 5": "faster-whisper's `transcribe()`, beam 5",
    "transcribe, 30 s, greedy": "the same, greedy",
}


def asr() -> str:
    """Return the costs and errors of decodes, by window."""
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
    tail = wrapped(
        f"A partial costs {ways['callscribe']['partial_ms']:.0f} ms,"
        f" {summary['partial / transcribe greedy']:.2f} of a greedy `transcribe()`. Two cores carry"
        f" {summary['voices on 2 cores, finals']:.0f} voices that never pause, finals alone, or"
        f" {summary['voices on 2 cores, with a partial a second']:.0f} with a partial a second."
    )
    columns = ["way", "final", "of `transcribe()`", "word errors"]
    return recorded("asr", f"{head}\n\n{table(columns, rows)}\n\n{tail}")


def clauses() -> str:
    """Return the costs and errors of utterances decoded clause by clause."""
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
            f"{100 * row['word_error_rate']:.2f} % of {number(row['words'])}",
            f"{row['cpu_s']:.1f} s",
            f"{number(row['end_p50_ms'])} / {number(row['end_p95_ms'])} ms",
            f"{number(row['end_max_ms'])} ms",
        ]
        for name, row in figures.items()
    ]
    return recorded("clauses", table(columns, rows))


def context() -> str:
    """Return the errors with and without what was said before."""
    figures = read("context")["figures"]
    columns = ["decoded", "words wrong", "", "CPU"]
    rows = [
        [
            label,
            f"{row['errors']} of {number(row['words'])}",
            f"{100 * row['errors'] / row['words']:.2f} %",
            f"{row['cpu_s']:.1f} s",
        ]
        for label, row in figures.items()
    ]
    return recorded("context", table(columns, rows))
