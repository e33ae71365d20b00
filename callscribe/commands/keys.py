"""The flags of `callscribe keys`."""

import asyncio
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

from callscribe.commands.bus import redis_url
from callscribe.commands.key_store import (
    FileKeys,
    KeyStore,
    RedisKeys,
    Terms,
    keep,
    listed,
    revoke,
    rotate,
)
from common.pipeline.access import SCOPES
from common.settings import FlagParser

_GRACE_S = 86_400


def main(argv: Sequence[str]) -> int:
    """Make, list, revoke or rotate API keys, and return the exit code."""
    arguments = _parser().parse_args(argv)
    store: KeyStore
    if arguments.file is not None:
        store = FileKeys(arguments.file)
    else:
        store = RedisKeys(redis_url(arguments.redis_url))
    match arguments.action:
        case "create":
            terms = Terms(
                tenant=arguments.tenant,
                name=arguments.name,
                scopes=tuple(arguments.scope or ("transcribe", "read")),
                days=arguments.days,
                sessions=arguments.sessions,
                audio_s=arguments.audio_s,
                calls=arguments.calls,
                retention_s=arguments.retention_s,
            )
            return asyncio.run(keep(store, terms))
        case "list":
            return asyncio.run(listed(store, arguments.tenant, as_json=arguments.json))
        case "revoke":
            return asyncio.run(revoke(store, arguments.id))
        case _:
            return asyncio.run(rotate(store, arguments.id, grace=arguments.grace_s))


def _parser() -> FlagParser:
    parser = FlagParser(prog="callscribe keys", allow_abbrev=False)
    parser.description = "Say who may use a deployment. Gateways follow within a second."
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="create|list|revoke|rotate"
    )
    making = actions.add_parser("create", help="make a key and print it, once", allow_abbrev=False)
    making.add_argument("--tenant", required=True, help="whose calls it may make and see")
    making.add_argument("--name", default="", help="what it is for")
    making.add_argument(
        "--scope", action="append", choices=SCOPES, help="may be repeated; default: the first two"
    )
    for flag, help in (
        ("--days", "after which it expires"),
        ("--sessions", "calls at a time"),
        ("--audio-s", "seconds of audio a day"),
        ("--calls", "new calls a minute"),
        ("--retention-s", "seconds that its tenant's transcripts stay"),
    ):
        making.add_argument(flag, type=_count, default=0, metavar="N", help=f"{help}; default: any")
    listing = actions.add_parser(
        "list", help="print all keys, without their secrets", allow_abbrev=False
    )
    listing.add_argument("--tenant", help="those of one tenant")
    listing.add_argument("--json", action="store_true", help="as a keys file has them")
    ending = actions.add_parser("revoke", help="end a key, and its calls", allow_abbrev=False)
    rotating = actions.add_parser(
        "rotate", help="make another like it; the old one expires", allow_abbrev=False
    )
    rotating.add_argument(
        "--grace-s", type=_count, default=_GRACE_S, metavar="S", help=f"until then; {_GRACE_S}"
    )
    for each in (ending, rotating):
        each.add_argument("id", metavar="ID", help="as `list` prints it")
    for each in (making, listing, ending, rotating):
        where = each.add_mutually_exclusive_group()
        where.add_argument("--redis-url", metavar="URL", help="the Redis of the calls")
        where.add_argument("--file", type=Path, help="a keys file in its place")
    return parser


def _count(text: str) -> int:
    # Without digits of other scripts, signs and spaces, which `int` takes.
    if not (text.isascii() and text.isdecimal()):
        raise ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)
