"""The flags of `callscribe trace`."""

from collections.abc import Sequence
from pathlib import Path

from callscribe.commands.server_flags import PAGES, add_server_flags, server_of
from callscribe.commands.tracing import run
from common.errors import SettingsError
from common.settings import FlagParser


def main(argv: Sequence[str]) -> int:
    """Show a call's trace and return the exit code."""
    arguments = parser().parse_args(argv)
    server = server_of(arguments)
    if arguments.word is not None and arguments.word < 1:
        raise SettingsError(f"--word: {arguments.word} is not 1 or more")
    return run(
        server,
        arguments.call,
        word=arguments.word,
        as_json=arguments.json,
        picture=arguments.picture,
    )


def parser() -> FlagParser:
    """Return the parser of the flags."""
    parser = FlagParser(prog="callscribe trace", allow_abbrev=False)
    parser.description = "Show when each step towards the finals of a call was done."
    parser.add_argument("call", metavar="CALL", help="session id, or the call's name")
    text = "only this word of the transcript, from 1; the call must have asked for `words`"
    parser.add_argument("--word", type=int, metavar="N", help=text)
    parser.add_argument("--json", action="store_true", help="print JSON")
    text = "write the picture there, too"
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help=text)
    add_server_flags(parser, PAGES)
    return parser
