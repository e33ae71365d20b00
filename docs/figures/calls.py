"""The tables of calls: their latencies, their words, how many there may be."""

from docs.figures.writing import number, pair, read, recorded, table, wrapped

_PHASES = {
    "alone": "two callers alone",
    "filling": "filling up",
    "twice": "twice as many as fit",
}

_FAR = ("endpoint_to_final", "partial_lag")
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


def live() -> str:
    """Return the latencies of live calls, by their number."""
    columns = ["calls", "first partial", "partial behind its audio", "endpoint to final"]
    columns += ["end of speech to final", "word errors", "CPU s per second of call", "lost"]
    measures = ("first_partial", "partial_lag", "endpoint_to_final", "finalisation")
    rows = [
        [
            number(run["calls"]),
            *(pair(run["latency_ms"][each], "p50", "p95") for each in measures),
            f"{run['wer_percent']:.1f} %",
            f"{sum(run['cpu_s_per_s'].values()):.3f}",
            number(run["lost"]),
        ]
        for run in read("live")["figures"]["runs"]
    ]
    return recorded("live", "Latencies in ms, p50 / p95:\n\n" + table(columns, rows))


def distance() -> str:
    """Return how late finals are with Redis far away, and the lag that is reported."""
    columns = ["round trip ms", "endpoint to final", "partial behind its audio"]
    columns += ["lag of VAD", "lag of ASR", "words right", "lost"]
    rows = [
        [
            number(run["rtt_ms"]),
            *(pair(run["latency_ms"][each], "p50", "p95") for each in _FAR),
            *(pair(run["lag_ms"][stage], "p50", "p95") for stage in ("vad", "asr")),
            f"{run['right_percent']:.1f} %",
            number(run["lost"]),
        ]
        for run in read("distance")["figures"]
    ]
    return recorded("distance", "In ms, p50 / p95:\n\n" + table(columns, rows))


def other_servers() -> str:
    """Return the latencies of other servers beside ours."""
    columns = ["calls", "server", "refused", "first right word p50 / p95 s"]
    columns += ["end of speech to final p50 / p95 s", "utterances lost", "word errors"]
    columns += ["CPU s per second of call"]
    rows = [
        [
            number(row["calls"]),
            row["server"],
            number(row["refused"]),
            " / ".join(f"{value:.2f}" for value in row["first_word_s"]),
            " / ".join(f"{value:.2f}" for value in row["final_s"]),
            f"{row['lost']} of {row['utterances']}",
            f"{row['wer_percent']:.1f} %",
            f"{row['cpu_s_per_s']:.2f}",
        ]
        for row in read("other-servers")["figures"]
    ]
    return recorded("other-servers", table(columns, rows))


def unmodified(protocol: str) -> str:
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


def calls() -> str:
    """Return the words that are wrong offline and streamed, by recording."""
    figures = read("calls")["figures"]
    columns = ["recording", "words", "wrong offline", "wrong streamed"]
    rows = [
        [
            row["name"],
            *(number(row[each]) for each in ("words", "wrong_offline", "wrong_streamed")),
        ]
        for row in figures["recordings"]
    ]
    offline, streamed = (
        f"{figures[f'wer_{each}_percent']:.2f} %" for each in ("offline", "streamed")
    )
    rows.append(["all", number(figures["words"]), offline, streamed])
    return recorded("calls", table(columns, rows))


def overload() -> str:
    """Return what twice as many calls as fit do."""
    figures = read("overload")["figures"]
    columns = ["", "calls", "finals", "after p50 / p95 ms", "longest", "partial every, p50 / p95"]
    columns += ["refused: number, after p50 / p95 ms"]
    rows = [
        [
            _PHASES[row["phase"]],
            f"{row['calls']:.1f}",
            number(row["final"]["n"]),
            pair(row["final"], "p50", "p95"),
            number(row["final"]["max"]),
            pair(row["partial_every"], "p50", "p95"),
            "; ".join(
                f"`{reason}` {number(each['n'])}, {each['p50']:.1f} / {each['p95']:.1f}"
                for reason, each in row["refused"].items()
            )
            or "nobody",
        ]
        for row in figures["phases"]
    ]
    verdict = wrapped(
        f"Refused within {figures['refused']['p95']:.1f} ms at p95 (aim: below 50). Finals' p95 is"
        f" {figures['final_p95_ratio']:.2f} times that of two calls alone (aim: at most 1.5)."
    )
    return recorded("overload", f"{table(columns, rows)}\n\n{verdict}")


def overload_in_short() -> str:
    """Return the same in a sentence."""
    report = read("overload")
    figures = report["figures"]
    phases = {row["phase"]: row for row in figures["phases"]}
    alone, full = phases["alone"], phases["twice"]
    return wrapped(
        "`python -m bench overload` brings twice the calls that fit, for 60 s. Measured with"
        f" whisper tiny.en and the sample call ({report['machine']}):"
        f" {full['calls']:.0f} calls were let in."
        f" The others were refused within {figures['refused']['p95']:.1f} ms at p95. Finals came"
        f" {full['final']['p95']:.0f} ms after their endpoint at p95; with two calls alone it was"
        f" {alone['final']['p95']:.0f} ms ({figures['final_p95_ratio']:.2f} times). A partial came"
        f" every {full['partial_every']['p50'] / 1000:.2f} s; alone, every"
        f" {alone['partial_every']['p50'] / 1000:.2f} s."
    )


def admission() -> str:
    """Return how many calls each scene lets in, and their latencies."""
    columns = ["scene", "callers", "calls", "finals", "after p50 / p95 ms", "longest"]
    columns += ["after silence p95", "longest", "ASR, of two cores", "refused"]
    rows = [
        [
            f"`{row['scene']}`",
            str(row["callers"]),
            f"{row['calls']:.1f}",
            number(row["final_ms"]["n"]),
            pair(row["final_ms"], "p50", "p95"),
            number(row["final_ms"]["max"]),
            number(row["after_silence_ms"]["p95"]),
            number(row["after_silence_ms"]["max"]),
            f"{row['processor']['asr']:.0%}".replace("%", " %"),
            ", ".join(f"`{why}` {number(n)}" for why, n in row["refused"].items()) or "nobody",
        ]
        for row in read("admission")["figures"]["rows"]
    ]
    return recorded("admission", table(columns, rows))


def startup() -> str:
    """Return what the processes take to start."""
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
