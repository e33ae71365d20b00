"""The flags of `callscribe sinks`."""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import datetime

from callscribe.commands.backlog import replay, show, skip
from callscribe.commands.bus import redis_url
from common.settings import FlagParser


def main(argv: Sequence[str]) -> int:
    """Show what sinks lack, tell them again or skip a call; return the exit code."""
    arguments = _parser().parse_args(argv)
    url = redis_url(arguments.redis_url)
    match arguments.action:
        case "list":
            return asyncio.run(show(url, arguments.sink, as_json=arguments.json))
        case "replay":
            since = arguments.since
            first = arguments.first
            return asyncio.run(replay(url, arguments.sink, arguments.calls, since, first))
        case _:
            return asyncio.run(skip(url, arguments.sink, arguments.calls))


def _parser() -> FlagParser:
    parser = FlagParser(prog="callscribe sinks", allow_abbrev=False)
    parser.description = "Show what sinks lack, tell one again, or skip a call that is stuck."
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|replay|skip")
    listing = actions.add_parser("list", help="print what each sink lacks", allow_abbrev=False)
    listing.add_argument("sink", nargs="?", metavar="SINK", help="also its calls that are stuck")
    listing.add_argument("--json", action="store_true", help="print a JSON line for each")
    replaying = actions.add_parser(
        "replay", help="bring calls to a sink again, under the same ids", allow_abbrev=False
    )
    replaying.add_argument("sink", metavar="SINK")
    which = replaying.add_mutually_exclusive_group(required=True)
    which.add_argument("calls", nargs="*", default=[], metavar="CALL", help="session id")
    which.add_argument(
        "--since",
        type=_time,
        metavar="TIME",
        help="all calls that it got since then or that still run, such as 2026-01-31T12:00",
    )
    replaying.add_argument(
        "--from",
        type=_seq,
        dest="first",
        metavar="SEQ",
        help="leave out what is before this seq; default: nothing",
    )
    skipping = actions.add_parser(
        "skip", help="give a call up: the sink gets nothing more of it", allow_abbrev=False
    )
    skipping.add_argument("sink", metavar="SINK")
    skipping.add_argument(
        "calls", nargs="+", metavar="CALL", help="session id, as `list` prints it"
    )
    for each in (listing, replaying, skipping):
        each.add_argument("--redis-url", metavar="URL", help="the Redis of the calls")
    return parser


def _time(text: str) -> datetime:
    """Read a time; one without a zone is this machine's."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time in ISO 8601") from None


def _seq(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no seq: a number from 1 on")
    return int(text)
