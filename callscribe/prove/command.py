"""`callscribe prove`: checks its arguments, makes the proof, and reports it."""

import asyncio
import dataclasses
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asr_worker.settings import AsrSettings
from callscribe.audiofile import AudioFileError
from callscribe.commands.invocation import Invocation
from callscribe.commands.stack_flags import beside, stack_options, stack_parser
from callscribe.commands.writable import check_writable
from callscribe.loadtest.command import PICTURES, check_libraries
from callscribe.loadtest.speech import Format, Speech, load
from callscribe.local.stack import until_stopped
from callscribe.prove import apply, facts, machine, report
from callscribe.prove.objective import Objective
from callscribe.prove.proof import Judged, Outcome, Plan, Proof
from callscribe.prove.trial import LocalMachine
from common import settings
from common.errors import SettingsError
from common.lifecycle import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, settle_memory
from common.settings import PREFIX, FlagParser

_RECORDINGS = (".wav", ".flac", ".ogg", ".mp3", ".opus")
_BUSY = 0.1
"""Share of the cores that may be in use by others before the figure is doubtful."""
_NOT_THEIRS = (
    *("WEBHOOK_URL", "ASR_LEGS", "MAX_SESSIONS", "MAX_SESSIONS_PER_KEY"),
    *("KEYS_FILE", "JWT_SECRET_FILE", "JWT_PUBLIC_KEY_FILE", "JWT_JWKS_FILE"),
)
"""Settings that are ignored here: the limit of calls is to be found, and the calls have no key."""


@dataclass(frozen=True, kw_only=True)
class _Files:
    json: Path | None
    plot: Path | None
    apply: Path | None


def parser() -> FlagParser:
    """Return the command's flags, with those of every setting and of the number of workers."""
    flags = stack_parser(
        "prove",
        "Find how many calls this machine carries: more and more of them, with speech, until"
        " the objective breaks; then that figure for a while, and more calls than it. It starts a"
        " system of its own, with the settings given. Ctrl-C ends everything.",
    )
    add = flags.add_argument_group("the proof").add_argument
    add("--minutes", metavar="M", help="length of each part of the proof (default 2)")
    add("--runs", metavar="N", help="searches for the limit, which must agree (default 2)")
    add("--dwell", metavar="S", help="seconds of each load in a search (default 30)")
    text = "recordings, with what is said in .txt beside each; default: the sample call"
    add("--audio", metavar="DIR", help=text)
    add("--final-ms", metavar="MS", help="p95 of finals after their endpoint (default 500)")
    add("--partial-ms", metavar="MS", help="p95 of partials behind their audio (default 1000)")
    text = "percentage points of word errors above those with few calls (default 2)"
    add("--wer-points", metavar="N", help=text)
    add("--json", metavar="FILE", help="write the report there")
    add("--plot", metavar="FILE", help="draw it there (png, svg or pdf)")
    text = f"set {apply.VARIABLE} in this environment file, if the figure was proved"
    add("--apply", metavar="FILE", help=text)
    return flags


def main(argv: Sequence[str]) -> int:
    """Make the proof; 0 if a figure was proved, 1 if none was, 130 if interrupted.

    SettingsError for unusable arguments, Unavailable if the system cannot be started or kept up.
    """
    invocation = Invocation.parse(parser(), argv, os.environ)
    given = invocation.arguments
    check_libraries(plot="plot" in given)
    files = _files(given)
    env = beside(invocation.env, _NOT_THEIRS) | {PREFIX + "NO_AUTH": "true"}
    options = stack_options(dataclasses.replace(invocation, env=env))
    for service in ("vad", "asr"):
        if not options.counts[service]:
            raise SettingsError(f"--{service}: without a worker nothing is recognised")
    asr = settings.load(AsrSettings, [], options.env)
    speech, name = _speech(given.get("audio"))
    plan = Plan(
        objective=Objective(
            final_ms=_number(given, "final_ms", 500, least=1),
            partial_ms=_number(given, "partial_ms", 1000, least=1),
            wer_points=_number(given, "wer_points", 2, least=0, most=100),
        ),
        workers=options.counts["asr"],
        loop_s=speech.loop.messages * speech.loop.message_s,
        runs=int(_number(given, "runs", 2, least=1, most=10, whole=True)),
        dwell_s=_number(given, "dwell", 30, least=5, most=3600),
        hold_s=60 * _number(given, "minutes", 2, least=0.1, most=24 * 60),
    )
    machine = LocalMachine(dataclasses.replace(options, echo=None), speech)
    about = {
        **facts.about(asr, speech, name),
        "workers": dict(options.counts),
        "seconds": {"dwell": plan.dwell_s, "hold": plan.hold_s},
    }
    work = _run(_Run(plan, machine, about, files))
    return asyncio.run(until_stopped(work, when_stopped=EXIT_INTERRUPTED))


@dataclass(frozen=True)
class _Run:
    plan: Plan
    machine: LocalMachine
    about: dict[str, Any]
    files: _Files


async def _run(run: _Run) -> int:
    plan, files = run.plan, run.files
    about = {**run.about, "busy_before": await machine.busy()}
    title = report.title(about)
    print(f"{title}\nthe objective: {plan.objective}", flush=True)
    if (busy := about["busy_before"]) is not None and busy > _BUSY:
        text = f"other programs use {busy:.0%} of this machine: the figure will be too low"
        print(text, file=sys.stderr, flush=True)
    settle_memory()

    def tell(judged: Judged) -> None:
        print(report.line(judged), flush=True)

    outcome = await Proof(run.machine, plan, tell).run()
    print(report.verdict(outcome, plan.hold_s))
    if files.apply is not None and outcome.proved:
        # First: a picture that cannot be drawn must not cost the figure.
        _apply(files.apply, outcome, plan.workers)
    if files.json is not None:
        whole = report.figures(outcome, plan.objective, plan.workers, about)
        whole = {"ended": datetime.now(UTC).isoformat(timespec="seconds"), **whole}
        with _written("--json", files.json):
            files.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    if files.plot is not None:
        from callscribe.prove.plot import draw

        with _written("--plot", files.plot):
            draw(outcome, plan.objective, title, files.plot)
    return EXIT_OK if outcome.proved else EXIT_FAILED


def _apply(file: Path, outcome: Outcome, workers: int) -> None:
    if outcome.capped:
        print(
            f"{file}: not changed: {outcome.figure} calls are no limit of this machine, since it"
            " carried as many as a proof tries",
            file=sys.stderr,
            flush=True,
        )
        return
    legs = outcome.figure // workers
    apply.write(file, legs)
    print(f"{file}: {apply.VARIABLE}={legs}, for each ASR worker from its next start", flush=True)


@contextmanager
def _written(flag: str, file: Path) -> Iterator[None]:
    """Raise SettingsError if writing the file fails."""
    try:
        yield
    except OSError as error:
        raise SettingsError(f"{flag}: {file} cannot be written: {error}") from error


def _files(given: Mapping[str, str]) -> _Files:
    found = {name: Path(given[name]) for name in ("json", "plot", "apply") if name in given}
    for name in ("json", "plot"):
        if name in found:
            check_writable(f"--{name}", found[name])
    plot = found.get("plot")
    if plot is not None and plot.suffix not in PICTURES:
        raise SettingsError(f"--plot: {plot} ends in none of {', '.join(PICTURES)}")
    if "apply" in found:
        apply.check(found["apply"])
    return _Files(json=found.get("json"), plot=plot, apply=found.get("apply"))


def _speech(directory: str | None) -> tuple[Speech, str]:
    """Return the speech of all calls, and its name."""
    if directory is None:
        return load([], Format()), "the sample call"
    folder = Path(directory)
    if not folder.is_dir():
        raise SettingsError(f"--audio: there is no folder {folder}")
    found = sorted(each for each in folder.iterdir() if each.suffix.lower() in _RECORDINGS)
    files = [each for each in found if each.with_suffix(".txt").is_file()]
    if not files:
        kinds = ", ".join(_RECORDINGS)
        raise SettingsError(f"--audio: {folder} has no recording ({kinds}) with a .txt beside it")
    try:
        return load(files, Format()), f"{len(files)} recordings of {folder}"
    except AudioFileError as error:
        raise SettingsError(f"--audio: {error}") from error


def _number(
    given: Mapping[str, str],
    name: str,
    default: float,
    *,
    least: float,
    most: float = math.inf,
    whole: bool = False,
) -> float:
    flag = f"--{name.replace('_', '-')}"
    text = given.get(name)
    if text is None:
        return default
    try:
        value = float(int(text) if whole else float(text))
    except ValueError:
        kind = "a whole number" if whole else "a number"
        raise SettingsError(f"{flag}: {text!r} is not {kind}") from None
    if not least <= value <= most or not math.isfinite(value):
        upper = f" and at most {most:g}" if math.isfinite(most) else ""
        raise SettingsError(f"{flag}: {text} is not at least {least:g}{upper}")
    return value
