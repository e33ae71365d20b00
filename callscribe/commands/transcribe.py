"""The flags of `callscribe transcribe`."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from common.errors import SettingsError
from common.settings import API_KEY, FlagParser

_URL = "ws://127.0.0.1:8000/ws/asr"


def main(argv: Sequence[str]) -> int:
    """Transcribe the files and return the exit code."""
    arguments = _parser().parse_args(argv)
    arguments.url = arguments.url or _URL
    arguments.api_key = _api_key(arguments.api_key, vars(arguments).pop("api_key_file"))
    if not 0 <= arguments.speed < float("inf"):
        raise SettingsError(f"--speed: {arguments.speed:g} is not 0 or more")
    # Report errors in the flags before loading the libraries for audio.
    from callscribe.commands.transcription import TranscribeOptions, run

    return asyncio.run(run(TranscribeOptions(**vars(arguments))))


def _parser() -> FlagParser:
    parser = FlagParser(prog="callscribe transcribe", allow_abbrev=False)
    parser.description = "Send audio files, as if they were calls, and print what was said."
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="wav, flac, ogg or mp3")
    url = f"default {_URL}; several: where to go when one fails"
    parser.add_argument("--url", action="append", help=url)
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--api-key", metavar="KEY", help=f"sent as bearer token; default {API_KEY}")
    text = "file with the key: others on this machine see the flags of a command"
    keys.add_argument("--api-key-file", type=Path, metavar="FILE", help=text)
    parser.add_argument("--json", action="store_true", help="print events as JSON lines")
    parser.add_argument("--language", help="English name or ISO code; default: detect")
    parser.add_argument("--context", metavar="TEXT", help="what the calls are about")
    parser.add_argument("--denoise", action="store_true", help="ask for noise suppression")
    parser.add_argument("--words", action="store_true", help="ask for word times (see --json)")
    parser.add_argument(
        "--no-resume",
        action="store_false",
        dest="resume",
        help="fail when the connection breaks, rather than resume",
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, help="times real time; 0 is as fast as it is accepted"
    )
    return parser


def _api_key(given: str | None, file: Path | None) -> str | None:
    if file is None:
        return given or os.environ.get(API_KEY) or None
    try:
        return file.read_text().strip()
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"--api-key-file: {file} cannot be read: {error}") from error
