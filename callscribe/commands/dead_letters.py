"""The flags of `callscribe dead-letters`."""

import asyncio
from collections.abc import Sequence

from callscribe.commands.bus import redis_url
from callscribe.commands.letters import replay, show
from common.pipeline.stages import NAMES
from common.settings import FlagParser


def main(argv: Sequence[str]) -> int:
    """Show or replay dead letters and return the exit code."""
    arguments = _parser().parse_args(argv)
    url = redis_url(arguments.redis_url)
    if arguments.action == "list":
        stages = [arguments.stage] if arguments.stage else NAMES
        return asyncio.run(show(url, stages, as_json=arguments.json))
    return asyncio.run(replay(url, arguments.ids))


def _parser() -> FlagParser:
    parser = FlagParser(prog="callscribe dead-letters", allow_abbrev=False)
    parser.description = "List what the workers gave up, or try it again."
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|replay")
    listing = actions.add_parser("list", help="print the dead letters", allow_abbrev=False)
    listing.add_argument("--stage", choices=NAMES, help="default: all")
    listing.add_argument("--json", action="store_true", help="print them as JSON lines")
    replaying = actions.add_parser(
        "replay", help="try dead letters again; remove those that succeed", allow_abbrev=False
    )
    which = replaying.add_mutually_exclusive_group(required=True)
    which.add_argument("ids", nargs="*", default=[], metavar="ID", help="as `list` prints it")
    which.add_argument("--all", action="store_true", help="all there are")
    for each in (listing, replaying):
        each.add_argument("--redis-url", metavar="URL", help="the Redis of the calls")
    return parser
