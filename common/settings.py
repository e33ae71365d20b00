"""Typed settings: one frozen dataclass per service, read from flags, variables and defaults.

Field `silence_threshold` is flag ``--silence-threshold`` and variable
``CALLSCRIBE_SILENCE_THRESHOLD``. The names of all services form one flat namespace, so that one
environment file can serve every process; `common.setting_names` has them. A flag wins over a
variable, a variable over the default. In the command of one service its name may be left out: to
`callscribe asr`, ``--model`` is ``--asr-model``. A setting may have further variables, by which
other servers know it: its own name wins over them.
"""

import argparse
import dataclasses
import difflib
import math
import re
import types
import typing
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from common import setting_names
from common.errors import Misuse, SettingsError
from common.secret_url import SecretUrl, SecretUrls

PREFIX = "CALLSCRIBE_"
API_KEY = PREFIX + "API_KEY"  # not a setting: commands that call a server read it

_BOOLEANS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def setting(
    default: Any,
    help: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    also: tuple[str, ...] = (),
    spelled: Mapping[str, str] = types.MappingProxyType({}),
) -> Any:
    """Declare a field of a settings class.

    `unit` and both limits, which are inclusive, appear in ``--help``. The field's annotation
    gives its type: bool, int, float, str, Path, SecretUrl, SecretUrls, a Literal of strings, in any
    case, or one of these ``| None``, written as ``none``.

    `also`: whole names of further variables, the first that is set counts. `spelled`: what other
    servers call a value, and what it is here.
    """
    limits = {"minimum": minimum, "maximum": maximum}
    facts = {"help": help, "unit": unit, **limits, "also": also, "spelled": spelled}
    return field(default=default, metadata=facts)


@dataclass(frozen=True, kw_only=True)
class CommonSettings:
    """What every process has; construct with `load`, or directly in tests (unchecked ranges)."""

    redis_url: SecretUrl = setting(
        SecretUrl("redis://127.0.0.1:6379/0"),
        "Redis that carries the calls; rediss for TLS, +sentinel, +cluster: see docs/operations.md",
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info",
        "least severe log record that is written",
        also=("LOG_LEVEL",),
        spelled={"warn": "warning"},
    )
    log_format: Literal["json", "console"] = setting("console", "form of the log records")
    drain_s: float = setting(
        30.0,
        "longest time for finishing running work after the first SIGTERM or SIGINT",
        unit="s",
        minimum=0,
        maximum=3600,
    )


@dataclass(frozen=True, kw_only=True)
class StageSettings(CommonSettings):
    """What every stage worker has besides."""

    lease_s: float = setting(
        1.5,
        "silence of a worker after which others take over its work",
        unit="s",
        minimum=0.1,
        maximum=60,
    )
    heartbeat_s: float = setting(
        0.5,
        "interval in which a worker renews its leases, at most half of a lease",
        unit="s",
        minimum=0.05,
        maximum=30,
    )
    metrics_host: str = setting("127.0.0.1", "address of the worker's health and metrics endpoint")
    metrics_port: int | None = setting(
        None,
        "port of the worker's /health, /ready and /metrics; 0 takes a free one, none is off",
        minimum=0,
        maximum=65535,
    )

    def __post_init__(self) -> None:
        """Refuse an interval at which one missed renewal would cause a take-over."""
        if self.heartbeat_s * 2 > self.lease_s:
            raise SettingsError(
                f"--heartbeat-s: {self.heartbeat_s:g} s is more than half of"
                f" --lease-s ({self.lease_s:g} s)"
            )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _variable(name: str) -> str:
    return PREFIX + name.upper()


S = TypeVar("S", bound=CommonSettings)
SettingsClass = type[CommonSettings]


@dataclass(frozen=True)
class Definition:
    """One setting as a settings class declares it."""

    name: str
    type: type
    choices: tuple[str, ...]
    optional: bool
    default: Any
    help: str
    unit: str
    minimum: float | None
    maximum: float | None
    also: tuple[str, ...]
    spelled: Mapping[str, str]

    @property
    def flag(self) -> str:
        """The command-line spelling, ``--silence-threshold``."""
        return _flag(self.name)

    @property
    def variable(self) -> str:
        """The environment spelling, ``CALLSCRIBE_SILENCE_THRESHOLD``."""
        return _variable(self.name)

    def given_by(self, env: Mapping[str, str]) -> str | None:
        """Return the variable of `env` that gives this setting, None if none does."""
        return next((each for each in (self.variable, *self.also) if each in env), None)

    def show(self, value: Any) -> str:
        """Return `value` for people: with its unit, without a password."""
        if value is None or isinstance(value, bool):
            return str(value).lower()
        text = value.redacted if isinstance(value, SecretUrl) else str(value)
        return f"{text} {self.unit}" if self.unit else text

    def parse(self, text: str, source: str) -> Any:
        """Convert `text`; SettingsError names `source`, the flag or variable it came from."""
        if self.optional and text.lower() in ("", "none"):
            return None
        given, text = text, self.spelled.get(text.lower(), text)
        if text.lower() in self.choices:
            text = text.lower()
        try:
            value = _convert(self.type, text)
        except ValueError:
            raise SettingsError(f"{source}: {text!r} is not {_TYPES[self.type][0]}") from None
        if self.choices and value not in self.choices:
            raise SettingsError(f"{source}: {given!r} is none of {', '.join(self.choices)}")
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is not None and value < self.minimum:
            raise SettingsError(f"{source}: {text} is below the minimum, {self.minimum:g}{unit}")
        if self.maximum is not None and value > self.maximum:
            raise SettingsError(f"{source}: {text} is above the maximum, {self.maximum:g}{unit}")
        return value


_TYPES: dict[type, tuple[str, str]] = {
    bool: ("true or false", ""),
    int: ("a whole number", "n"),
    float: ("a number", "x"),
    str: ("a text", "text"),
    Path: ("a path", "path"),
    SecretUrl: ("a URL", "url"),
    SecretUrls: ("URLs", "urls"),
}
"""What each type is called in an error, and what stands for its value in ``--help``."""


def _convert(kind: type, text: str) -> Any:
    if kind is bool:
        value = _BOOLEANS.get(text.lower())
        if value is None:
            raise ValueError(text)
        return value
    if kind is float and not math.isfinite(float(text)):
        raise ValueError(text)
    if kind in (Path, SecretUrl, SecretUrls) and not text:
        raise ValueError(text)
    return kind(text)


def definitions(cls: SettingsClass) -> dict[str, Definition]:
    """Return the settings of a class by field name, in the order of their declaration."""
    hints = typing.get_type_hints(cls)
    return {
        each.name: _definition(each.name, hints[each.name], each)
        for each in dataclasses.fields(cls)
    }


def _definition(name: str, hint: Any, declared: "dataclasses.Field[Any]") -> Definition:
    # Python before 3.14 makes a typing.Union of `Literal[…] | None`.
    union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    variants = typing.get_args(hint) if union else (hint,)
    optional = types.NoneType in variants
    (kind,) = (each for each in variants if each is not types.NoneType)
    choices: tuple[str, ...] = ()
    if typing.get_origin(kind) is Literal:
        choices, kind = typing.get_args(kind), str
    if kind not in _TYPES or "help" not in declared.metadata:
        raise Misuse(f"field {name}: {hint} is not a type of setting, or setting() is missing")
    return Definition(
        name=name,
        type=kind,
        choices=choices,
        optional=optional,
        default=declared.default,
        **declared.metadata,
    )


def settings_classes() -> dict[str, SettingsClass]:
    """Return the settings class of every service, by its name."""
    return {each.name: each.load() for each in setting_names.entries()}


def merge(classes: Iterable[SettingsClass]) -> dict[str, Definition]:
    """Return all settings of `classes`; only inherited names may repeat."""
    union: dict[str, Definition] = {}
    for cls in classes:
        for name, definition in definitions(cls).items():
            if union.setdefault(name, definition) != definition:
                raise Misuse(f"two services define the setting {name} differently")
    return union


def load(cls: type[S], argv: Sequence[str], env: Mapping[str, str]) -> S:
    """Read the settings of one service; ``--help`` prints them and raises SystemExit(0).

    SettingsError names the flag, in full, or variable that is unknown, ill-typed or out of range.
    """
    return resolve(cls, argv, env)[0]


def resolve(cls: type[S], argv: Sequence[str], env: Mapping[str, str]) -> tuple[S, dict[str, str]]:
    """Like `load`, and also return each setting's source: its flag, variable or ``default``."""
    service = cls.__name__.removesuffix("Settings").lower()
    parser = flag_parser([cls], prog=service, service=service)
    given = parse_flags(parser, argv)
    check_variables([cls], env)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, definition in definitions(cls).items():
        if name in given:
            source, text = definition.flag, given[name]
        elif variable := definition.given_by(env):
            source, text = variable, env[variable]
        else:
            sources[name] = "default"
            continue
        values[name] = definition.parse(text, source)
        sources[name] = source
    return cls(**values), sources


def check_variables(classes: Iterable[SettingsClass], env: Mapping[str, str]) -> None:
    """Raise SettingsError for a CALLSCRIBE_* variable that belongs to no service."""
    names = set(merge([*classes, StageSettings])).union(*setting_names.declared().values())
    known = {_variable(each) for each in names}
    for variable in sorted(env):
        if variable.startswith(PREFIX) and variable not in {*known, API_KEY}:
            raise SettingsError(f"{variable}: no such setting{_suggestion(variable, known)}")


class FlagParser(argparse.ArgumentParser):
    """An argument parser that raises SettingsError where argparse would print and exit."""

    def error(self, message: str) -> NoReturn:
        """Raise SettingsError with argparse's own message."""
        raise SettingsError(message.removeprefix("argument "))

    @property
    def flags(self) -> list[str]:
        """Every flag that has been added."""
        return list(self._option_string_actions)

    @property
    def helps(self) -> list[tuple[str, str]]:
        """Every flag with its help."""
        return [(flag, each.help or "") for flag, each in self._option_string_actions.items()]


class _Formatter(argparse.HelpFormatter):
    """Shows two spellings with one value: ``--asr-slots, --slots n``, as Python 3.13 does."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if action.nargs == 0 or len(action.option_strings) < 2:
            return super()._format_action_invocation(action)
        return f"{', '.join(action.option_strings)} {action.metavar}"


def flag_parser(
    classes: Iterable[SettingsClass],
    *,
    prog: str,
    description: str | None = None,
    service: str = "",
) -> FlagParser:
    """Return a parser of all settings of `classes`; it yields their texts by name.

    The name of `service` at the beginning of a flag may be left out.
    """
    usage = f"{prog} [settings]"
    parser = FlagParser(prog=prog, usage=usage, description=description, allow_abbrev=False)
    parser.formatter_class = _Formatter
    group = parser.add_argument_group(
        "settings", f"each is also a variable: --some-name is {PREFIX}SOME_NAME"
    )
    settings = merge(classes).values()
    short = _short_flags([each.flag for each in settings], service)
    for each in settings:
        flags = [flag for flag in (each.flag, short.get(each.flag)) if flag]
        if each.type is bool:
            add = group.add_argument
            add(*flags, action="store_const", const="true", dest=each.name, help=_help(each))
            negatives = ["--no-" + flag[2:] for flag in flags]
            add(*negatives, action="store_const", const="false", dest=each.name, help="")
        else:
            metavar = "|".join(each.choices) or each.unit or _TYPES[each.type][1]
            group.add_argument(*flags, metavar=metavar, dest=each.name, help=_help(each))
    return parser


def _short_flags(flags: Collection[str], service: str) -> dict[str, str]:
    """Return the flags that begin with `service`, each with its form without it."""
    prefix = f"--{service}-"
    short = {flag: "--" + flag.removeprefix(prefix) for flag in flags if flag.startswith(prefix)}
    # On a collision only the long flag stays. Any flag may be a switch, with a --no- form too.
    uses = Counter(each.replace("--no-", "--") for each in (*flags, *short.values(), "--help"))
    return {flag: each for flag, each in short.items() if uses[each.replace("--no-", "--")] == 1}


def _help(definition: Definition) -> str:
    low, high = definition.minimum, definition.maximum
    limits = "" if low is None else f", at least {low:g}"
    if low is not None and high is not None:
        limits = f", {low:g} to {high:g}"
    default = definition.show(definition.default)
    also = f"; also {', '.join(definition.also)}" if definition.also else ""
    return f"{definition.help} (default {default}{limits}{also})".replace("%", "%%")


def parse_flags(parser: FlagParser, argv: Sequence[str]) -> dict[str, str]:
    """Return the texts given in `argv` by name; SettingsError names an unexpected argument."""
    parsed, strays = parser.parse_known_args(list(argv))
    if strays:
        raise SettingsError(_stray(strays[0].partition("=")[0], parser))
    return {name: text for name, text in vars(parsed).items() if text is not None}


def _stray(argument: str, parser: FlagParser) -> str:
    if not argument.startswith("-"):
        return f"{argument}: unexpected argument"
    for service, names in setting_names.declared().items():
        if argument in {_flag(each) for each in names}:
            return f"{argument}: a setting of {service}, not of this process"
    # A setting that is part of another one here is named in its help.
    name = argument.lstrip("-").replace("-", "_")
    for flag, text in parser.helps:
        if re.search(rf"\b{re.escape(name)}\b", text):
            return f"{argument}: no such flag; {flag} has it"
    return f"{argument}: no such flag{_suggestion(argument, parser.flags)}"


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
