"""`callscribe loadtest`: checks its arguments, runs the load, and reports it."""

import asyncio
import json
import os
import resource
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

from callscribe.audiofile import AudioFileError
from callscribe.client.dialling import check_url
from callscribe.client.options import Options
from callscribe.commands.server_flags import CALLS, Server, add_server_flags, server_of
from callscribe.commands.writable import check_writable
from callscribe.loadtest.caller import Callees, Callers
from callscribe.loadtest.load import Load, Shape
from callscribe.loadtest.pacing import Pacer
from callscribe.loadtest.plan import LEAST_CALL_S
from callscribe.loadtest.progress import Progress
from callscribe.loadtest.speech import Format, Speech, load
from callscribe.loadtest.tally import Tally
from common.errors import SettingsError
from common.lifecycle import EXIT_FAILED, EXIT_INTERRUPTED, settle_memory
from common.settings import FlagParser

_CALLS_PER_S = 25.0
"""Default rate at which calls begin."""
_LEAST_RAMP_S = 5.0
_MOST_SESSIONS = 20_000
_SPARE_FILES = 64
PICTURES = (".png", ".svg", ".pdf")
"""Endings of pictures that can be drawn."""


def parser() -> FlagParser:
    """Return the command's flags."""
    flags = FlagParser(prog="callscribe loadtest", allow_abbrev=False)
    flags.description = (
        "Open many concurrent calls to a server, with speech at its own pace, and report"
        " how they went. Ctrl-C ends it early, with the report."
    )
    add = flags.add_argument
    add("--sessions", type=int, default=10, metavar="N", help="calls to keep up (default 10)")
    add("--duration", type=float, default=60.0, metavar="S", help="seconds (default 60)")
    add_server_flags(flags, CALLS, several="each gets its share of the calls")
    add(
        "--ramp",
        type=float,
        metavar="S",
        help="seconds over which the first calls begin (default 25 a second)",
    )
    text = "mean seconds of a call, after which another begins; 0, the default: all last to the end"
    add("--call-length", type=float, default=0.0, metavar="S", help=text)
    text = "8 kHz mu-law in messages of 20 ms, as a telephone gateway sends"
    add("--mulaw", action="store_true", help=text)
    add("--stereo", action="store_true", help="two speakers, each on a channel of its own")
    text = "audio per message (default 100, with --mulaw 20)"
    add("--frame-ms", type=int, metavar="MS", help=text)
    add("--language", help="English name or ISO code; default: detect")
    add("--denoise", action="store_true", help="ask for noise suppression")
    text = "speech, with its words in FILE's name ending in .txt; default: the sample call"
    add("--audio", nargs="+", type=Path, default=[], metavar="FILE", help=text)
    add("--json", type=Path, metavar="FILE", help="write the figures there")
    add("--plot", type=Path, metavar="FILE", help="draw the latencies there (png, svg or pdf)")
    return flags


def main(argv: Sequence[str]) -> int:
    """Run the load; 0 if every accepted call ended in order, with all its finals.

    1: one did not, or none was accepted; 130: interrupted, after the open calls have ended.
    SettingsError for unusable arguments, other CallscribeErrors when no call can be made.
    """
    arguments = parser().parse_args(argv)
    server = server_of(arguments)
    for url in server.urls:
        check_url(url)
    _check(arguments)
    try:
        return uvloop.run(_run(arguments, server))
    except asyncio.CancelledError:  # by the second Ctrl-C
        return EXIT_INTERRUPTED


def _check(arguments: Namespace) -> None:
    if arguments.frame_ms is None:
        arguments.frame_ms = 20 if arguments.mulaw else 100
    if arguments.ramp is None:
        usual = max(_LEAST_RAMP_S, arguments.sessions / _CALLS_PER_S)
        arguments.ramp = min(usual, arguments.duration / 2)
    latest = arguments.duration - LEAST_CALL_S
    for flag, value, least, most in (
        ("sessions", arguments.sessions, 1, _MOST_SESSIONS),
        ("duration", arguments.duration, 2 * LEAST_CALL_S, 7 * 86_400),
        ("ramp", arguments.ramp, 0, latest),
        ("frame-ms", arguments.frame_ms, 10, 1000),
    ):
        if not least <= value <= most:
            raise SettingsError(f"--{flag}: {value:g} is not from {least:g} to {most:g}")
    length = arguments.call_length
    if length != 0 and not 2 * LEAST_CALL_S <= length < float("inf"):
        raise SettingsError(f"--call-length: {length:g} is neither 0 nor at least 10")
    for flag, file in (("json", arguments.json), ("plot", arguments.plot)):
        if file is not None:
            check_writable(f"--{flag}", file)
    if arguments.plot is not None and arguments.plot.suffix not in PICTURES:
        raise SettingsError(f"--plot: {arguments.plot} ends in none of {', '.join(PICTURES)}")
    check_libraries(plot=arguments.plot is not None)
    _allow_files(arguments.sessions + _SPARE_FILES)


def check_libraries(*, plot: bool) -> None:
    """Raise SettingsError if a library is missing, those of `plot` where it is wanted."""
    for library in ("jiwer", *(["matplotlib"] if plot else [])):
        if find_spec(library) is None:
            raise SettingsError(f"{library} is missing: pip install 'callscribe[loadtest]'")


def _allow_files(count: int) -> None:
    """Raise this process's limit of open files: every call needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and count > hard:
        raise SettingsError(f"--sessions: {count} open files are needed, ulimit -Hn is {hard}")
    if soft != resource.RLIM_INFINITY and count > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


async def _run(arguments: Namespace, server: Server) -> int:
    format = Format(arguments.mulaw, arguments.stereo, arguments.frame_ms)
    try:
        speech = load(arguments.audio, format)
    except AudioFileError as error:
        raise SettingsError(str(error)) from error
    options = Options(
        encoding="mulaw" if format.mulaw else "pcm16",
        sample_rate=format.rate,
        channels=2 if format.stereo else 1,
        language=arguments.language,
        denoise=arguments.denoise or None,
        events=("speech_started", "speech_ended", "gap", "lag"),
    )
    callees = Callees(server, options)
    title = _title(arguments, server.urls)
    print(title, flush=True)
    tally = Tally()
    settle_memory()
    begin, cpu = time.monotonic(), time.process_time()

    def clock() -> float:
        return time.monotonic() - begin

    interrupted = await _load(arguments, speech, callees, tally, clock)
    seconds, cpu_s = clock(), time.process_time() - cpu
    from callscribe.loadtest.report import figures, table
    from callscribe.loadtest.scoring import score

    report = figures(tally, score(tally.spoken), seconds=seconds, cpu_s=cpu_s)
    print(table(report))
    _write(arguments, title, tally, report)
    if interrupted:
        return EXIT_INTERRUPTED
    return 0 if tally.complete else EXIT_FAILED


async def _load(
    arguments: Namespace,
    speech: Speech,
    callees: Callees,
    tally: Tally,
    clock: Callable[[], float],
) -> bool:
    """Run the load, shown on stderr; return whether it was interrupted."""
    pacer = Pacer(speech.frames, speech.loop.message_s, clock, tally.late)
    callers = Callers(callees, speech.loop, pacer, tally, clock)
    shape = Shape(
        sessions=arguments.sessions,
        duration=arguments.duration,
        ramp=arguments.ramp,
        call_length=arguments.call_length,
    )
    work = Load(shape, speech.loop, callers, pacer, tally, clock)
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        if interrupted:
            task.cancel()
        interrupted = True
        work.stop()

    with Progress(sys.stderr, os.environ, tally, clock) as progress:
        showing = asyncio.create_task(progress.run())
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt)
        try:
            await work.run()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            showing.cancel()
            with suppress(asyncio.CancelledError):
                await showing
    tally.worst_held = pacer.worst_held
    return interrupted


def _title(arguments: Namespace, urls: Sequence[str]) -> str:
    address = " and ".join(map(_without_secrets, urls))
    audio = "8 kHz mu-law" if arguments.mulaw else "16 kHz PCM"
    channels = "two channels" if arguments.stereo else "one channel"
    churn = f", {arguments.call_length:g} s each on average" if arguments.call_length else ""
    return (
        f"{arguments.sessions} calls to {address} for {arguments.duration:g} s{churn}: {audio},"
        f" {channels}, messages of {arguments.frame_ms} ms, begun within {arguments.ramp:g} s"
    )


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _write(arguments: Namespace, title: str, tally: Tally, report: dict[str, Any]) -> None:
    if arguments.json is not None:
        ended = datetime.now(UTC).isoformat(timespec="seconds")
        whole = {"title": title, "ended": ended, **report}
        arguments.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    if arguments.plot is not None:
        from callscribe.loadtest.plot import draw

        draw(tally, report, title, arguments.plot)
