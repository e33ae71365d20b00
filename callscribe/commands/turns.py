"""`callscribe turns`: what other settings would have done with the turns of stored calls."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from urllib.parse import quote

from callscribe.commands.following import resource
from callscribe.commands.server_flags import PAGES, Server, add_server_flags, server_of
from callscribe.commands.turns_replay import Outcome, Pause, pauses, replay, settings, table
from common.errors import SettingsError
from common.lifecycle import EXIT_OK
from common.options import OPTIONS, SessionOptions
from common.settings import FlagParser

_SILENCES = (0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.6)


def main(argv: Sequence[str]) -> int:
    """Print what was asked for and return the exit code."""
    arguments = parser().parse_args(argv)
    server = server_of(arguments)
    least, most = arguments.min_turn_silence, arguments.max_turn_silence
    given = SessionOptions(min_turn_silence=least, max_turn_silence=most)
    silences = arguments.silence_threshold or _SILENCES
    _check("silence_threshold", silences)
    _check("min_turn_silence", [] if least is None else [least])
    _check("max_turn_silence", [] if most is None else [most])
    if given.contradiction:
        raise SettingsError(given.contradiction)
    found = [pause for call in arguments.calls for pause in _asked(server, call)]
    outcomes = [replay(found, options) for options in settings(silences, given)]
    if arguments.json:
        print(json.dumps([_json(each) for each in outcomes], indent=2))
    else:
        print(table(outcomes))
    return EXIT_OK


def parser() -> FlagParser:
    """Return the parser of the flags."""
    parser = FlagParser(prog="callscribe turns", allow_abbrev=False)
    parser.description = "Show how other settings would have ended the turns of stored calls."
    parser.add_argument("what", choices=["replay"], help="what to do with them")
    text = "session id, or the call's name"
    parser.add_argument("calls", metavar="CALL", nargs="+", help=text)
    text = "silence that ends an utterance; several: each in turn"
    parser.add_argument(
        "--silence-threshold", type=float, action="append", default=[], metavar="S", help=text
    )
    for flag in ("--min-turn-silence", "--max-turn-silence"):
        meaning = OPTIONS[flag.strip("-").replace("-", "_")].meaning
        parser.add_argument(flag, type=float, metavar="S", help=meaning)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_server_flags(parser, PAGES)
    return parser


def _asked(server: Server, call: str) -> list[Pause]:
    path = f"/v1/sessions/{quote(call, safe='')}"
    transcript = resource(server, f"{path}/transcript?format=json", "utterances")
    return pauses(transcript, resource(server, f"{path}/trace", "utterances"))


def _check(name: str, values: Sequence[float]) -> None:
    option = OPTIONS[name]
    for value in values:
        if not option.low <= value <= option.high:
            flag = f"--{name.replace('_', '-')}"
            raise SettingsError(f"{flag}: {value:g} is not in {option.low:g} to {option.high:g}")


def _json(each: Outcome) -> dict[str, object]:
    options = each.options
    chosen = {"endpointing": options.endpointing, "silence_threshold": options.silence_threshold}
    facts = asdict(each)
    return chosen | {name: facts[name] for name in ("pauses", "cuts", "ends", "mean", "p95")}
