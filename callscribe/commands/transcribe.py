"""The flags of `callscribe transcribe`, and those that it shares with `callscribe listen`."""

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from callscribe.client.options import Options
from callscribe.commands.forms import WHOLE
from callscribe.commands.option_flags import add_option_flags, options_of
from callscribe.commands.outputs import FORMATS
from callscribe.commands.server_flags import CALLS, add_server_flags, server_of
from common.errors import SettingsError
from common.settings import FlagParser

_LEAST_CHUNK_MS, _MOST_CHUNK_MS = 10, 1000
_MOST_JOBS = 64


def main(argv: Sequence[str]) -> int:
    """Transcribe the files and return the exit code."""
    arguments = parser().parse_args(argv)
    server = server_of(arguments)
    if not 0 <= arguments.speed < float("inf"):
        raise SettingsError(f"--speed: {arguments.speed:g} is not 0 or more")
    if not 1 <= arguments.jobs <= _MOST_JOBS:
        raise SettingsError(f"--jobs: {arguments.jobs} is not from 1 to {_MOST_JOBS}")
    chosen = vars(arguments).pop("channel")
    asked, chunk_s = call_of(arguments)
    # Report errors in the flags before loading the libraries for audio.
    from callscribe.audiofile import MIX
    from callscribe.commands.transcription import TranscribeOptions, run

    channel = MIX if chosen == "mix" else None if chosen is None else _number(chosen)
    options = TranscribeOptions(
        server=server, asked=asked, chunk_s=chunk_s, channel=channel, **vars(arguments)
    )
    return asyncio.run(run(options))


def add_call_flags(parser: FlagParser) -> None:
    """Add the flags of a command that makes a call and shows it."""
    add_server_flags(parser, CALLS)
    text = "give up when the connection breaks, rather than resume"
    parser.add_argument("--no-resume", action="store_false", dest="resume", help=text)
    text = f"audio per message, {_LEAST_CHUNK_MS} to {_MOST_CHUNK_MS} (default 100)"
    parser.add_argument("--chunk-ms", type=int, default=100, metavar="MS", help=text)
    output = parser.add_argument_group("output")
    text = (
        "txt: lines as they come; jsonl: all events as they come, as JSON lines; json, srt, vtt:"
        " the whole transcript in the end, with the times of words (default txt)"
    )
    output.add_argument("--format", choices=FORMATS, default="txt", dest="form", help=text)
    text = "where it goes; to a directory, one file for each call (default stdout)"
    output.add_argument("--output", type=Path, metavar="FILE|DIR", help=text)
    add_option_flags(parser)


def call_of(arguments: Namespace) -> tuple[Options, float]:
    """Return the options of the call and the seconds of a message; take both out of `arguments`.

    A form that needs the whole transcript wants the times of words, and has no use for partials,
    unless the flags say otherwise.
    """
    chunk_ms = vars(arguments).pop("chunk_ms")
    if not _LEAST_CHUNK_MS <= chunk_ms <= _MOST_CHUNK_MS:
        reach = f"{_LEAST_CHUNK_MS} to {_MOST_CHUNK_MS}"
        raise SettingsError(f"--chunk-ms: {chunk_ms} is not from {reach}")
    asked = options_of(arguments)
    if arguments.form in WHOLE:
        asked = replace(
            asked,
            words=True if asked.words is None else asked.words,
            interim_results=bool(asked.interim_results),
        )
    return asked, chunk_ms / 1000


def parser() -> FlagParser:
    """Return the command's flags."""
    flags = FlagParser(prog="callscribe transcribe", allow_abbrev=False)
    flags.description = "Send audio files, as if they were calls, and print what was said."
    flags.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a recording of any common kind, a pipe, or - for stdin",
    )
    text = "times real time; 0 is as fast as it is accepted (default 1)"
    flags.add_argument("--speed", type=float, default=1.0, metavar="X", help=text)
    text = "files at the same time (default 1); the order of their transcripts is then any"
    flags.add_argument("--jobs", type=int, default=1, metavar="N", help=text)
    text = "only this channel of the file, from 1; mix: the mean of all (default: each on its own)"
    flags.add_argument("--channel", metavar="N|mix", help=text)
    add_call_flags(flags)
    return flags


def _number(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return int(text)
    raise SettingsError(f"--channel: {text!a} is neither a channel's number, from 1, nor mix")
