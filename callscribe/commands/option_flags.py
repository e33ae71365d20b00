"""The options of a call as flags: one for each row of the table of session options, and names."""

from argparse import SUPPRESS, BooleanOptionalAction, Namespace
from typing import Any

from callscribe.client.options import EventName, Options
from common.errors import SettingsError
from common.options import OPTIONS, Kind, Option
from common.settings import FlagParser
from gateway.protocols.api import ClientError
from gateway.protocols.options import readers

SHOWN: tuple[EventName, ...] = (
    "speech_started",
    "speech_ended",
    "gap",
    "keyword",
    "line",
    "slot",
    "turn_overlap",
)
"""What every command that shows a call wants to be told."""
_TYPES = {Kind.INT: int, Kind.FLOAT: float}
_METAVARS = {
    Kind.INT: "N",
    Kind.FLOAT: "X",
    Kind.TEXT: "TEXT",
    Kind.TEXTS: "TEXT",
    Kind.LANGUAGE: "NAME",
    Kind.LANGUAGES: "NAME",
    Kind.CHOICE: "CHOICE",
    Kind.CHOICES: "CHOICE",
}


def add_option_flags(parser: FlagParser) -> None:
    """Add a flag for each option; what is not given is left to the server's settings."""
    group = parser.add_argument_group(
        "options of the call", "What is not given is left to the server's settings."
    )
    for option in OPTIONS.values():
        flag, text = flag_of(option), _help(option)
        if option.kind is Kind.BOOL:
            switch = BooleanOptionalAction
            group.add_argument(flag, action=switch, default=SUPPRESS, dest=option.name, help=text)
        else:
            several = option.kind in (Kind.TEXTS, Kind.CHOICES, Kind.LANGUAGES)
            action = "append" if several else "store"
            metavar = "|".join(option.choices) or option.unit or _METAVARS[option.kind]
            group.add_argument(
                flag,
                action=action,
                default=SUPPRESS,
                type=_TYPES.get(option.kind, str),
                metavar=metavar,
                dest=option.name,
                help=text,
            )
    names = parser.add_argument_group("names of the call")
    text = "a name for each channel, with commas between: agent,customer"
    names.add_argument("--labels", metavar="NAMES", help=text)
    names.add_argument("--conversation-id", metavar="ID", help="joins calls that belong together")
    names.add_argument("--webhook", metavar="URL", help="gets the finals; its host must be allowed")


def options_of(arguments: Namespace) -> Options:
    """Return the options that the flags ask for, and take the flags out of `arguments`.

    The format of the audio is that of the source; see `dataclasses.replace`. SettingsError names
    the flag whose value is not allowed.
    """
    given = vars(arguments)
    asked: dict[str, Any] = {}
    for name, read in readers().items():
        if name in given:
            flag, value = flag_of(OPTIONS[name]), given.pop(name)
            try:
                parsed = read(flag, value)
            except ClientError as error:
                raise SettingsError(error.message) from None
            # None would leave the language to the server's settings; "auto" detects it.
            asked[name] = value if OPTIONS[name].kind is Kind.LANGUAGE else parsed
    labels = given.pop("labels")
    return Options(
        channel_labels=None if labels is None else tuple(labels.split(",")),
        conversation_id=given.pop("conversation_id"),
        webhook=given.pop("webhook"),
        events=SHOWN,
        **asked,
    )


def flag_of(option: Option) -> str:
    """Return the flag of an option; that of a list of texts gives one text each time."""
    name = option.name.removesuffix("s") if option.kind is Kind.TEXTS else option.name
    return f"--{name.replace('_', '-')}"


def _help(option: Option) -> str:
    if option.kind is Kind.LANGUAGE:
        return "spoken language: a name or an ISO code; auto detects it"
    facts = []
    if option.high:
        facts.append(f"{option.low:g} to {option.high:g}")
    if option.choices:
        several = " may be given several times" if option.kind is Kind.CHOICES else ""
        facts.append(f"one of {', '.join(option.choices)}{';' if several else ''}{several}")
    if option.kind in (Kind.TEXTS, Kind.LANGUAGES):
        facts.append(f"may be given {option.most} times")
    return f"{option.meaning} ({'; '.join(facts)})" if facts else option.meaning
