"""`callscribe watch`: what is said in a call of others, or which calls there are."""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from callscribe.client.delivery import Delivery
from callscribe.client.messages import parse_event
from callscribe.commands.event_lines import printable
from callscribe.commands.following import follow, running
from callscribe.commands.render import Display, display_for, to_stderr
from callscribe.commands.server_flags import PAGES, Server, add_server_flags, server_of
from common.errors import CallscribeError
from common.lifecycle import EXIT_OK
from common.settings import FlagParser


def main(argv: Sequence[str]) -> int:
    """Watch a call to its end, or list the running ones; return the exit code."""
    arguments = parser().parse_args(argv)
    server = server_of(arguments)
    if sys.stdout is None:  # closed by the parent
        raise CallscribeError("stdout is closed")
    if arguments.call is None:
        return _list(server, as_json=arguments.json)
    if arguments.json:
        return _print_messages(server, arguments.call, arguments.place)
    with display_for(sys.stdout, os.environ) as display:
        return _show(server, arguments.call, arguments.place, display)


def parser() -> FlagParser:
    """Return the command's flags."""
    flags = FlagParser(prog="callscribe watch", allow_abbrev=False)
    flags.description = (
        "Print what is said in a call, running or ended, until it has ended. Without CALL, list the"
        " running calls."
    )
    text = "any name of it: session id, conversation id, callSid, UUID"
    flags.add_argument("call", nargs="?", metavar="CALL", help=text)
    text = "what you have: an event's id, or the seq of a session id's final (default 0, nothing)"
    flags.add_argument("--from", default="0", dest="place", metavar="PLACE", help=text)
    flags.add_argument("--json", action="store_true", help="print the messages as JSON lines")
    add_server_flags(flags, PAGES)
    return flags


def _list(server: Server, *, as_json: bool) -> int:
    sessions = running(server)
    for each in sessions:
        print(json.dumps(each, ensure_ascii=False) if as_json else _described(each), flush=True)
    if not sessions:
        print("no running calls", file=sys.stderr)
    return EXIT_OK


def _described(session: Mapping[str, Any]) -> str:
    begun = session["started"]
    clock = f"{datetime.fromtimestamp(begun).astimezone():%Y-%m-%d %H:%M:%S}"
    age = f"{max(0, time.time() - begun):.0f} s"
    names = [session[name] for name in ("conversation_id", "name") if name in session]
    parties = " and ".join(session.get("channel_labels", ()))
    return printable("  ".join([session["session_id"], clock, age, *names, parties]).rstrip())


class _News:
    """Which messages are new: after a broken connection some come a second time."""

    def __init__(self) -> None:
        self._delivered: dict[str, Delivery] = {}

    def begins(self, message: Mapping[str, Any]) -> bool:
        """Whether this message is the first one of its call."""
        first = message["session_id"] not in self._delivered
        self._delivered.setdefault(message["session_id"], Delivery())
        return first

    def has(self, text: str, message: Mapping[str, Any]) -> bool:
        """Whether a message is new."""
        first = self.begins(message)
        event = parse_event(text)
        if event is None:
            return first or message["type"] != "session_created"
        return self._delivered[message["session_id"]].is_new(event)


def _print_messages(server: Server, call: str, place: str) -> int:
    news = _News()
    for text, message in follow(server, call, place, to_stderr):
        if news.has(text, message):
            print(text, flush=True)
    return EXIT_OK


def _show(server: Server, call: str, place: str, display: Display) -> int:
    news = _News()
    for text, message in follow(server, call, place, display.tell):
        if not news.has(text, message):
            continue
        session = message["session_id"]
        event = parse_event(text)
        if event is not None:
            display.show(session, event, {})
        elif message["type"] == "session_created":
            usual = [f"channel {number}" for number in range(message["channels"])]
            names = message.get("channel_labels", usual)
            display.begin(session, names, message, f"call {_described(message)}")
        elif message["type"] == "session_ended":
            display.end(session, complete=True)
            display.tell(f"call {session} has ended")
    return EXIT_OK
