"""`callscribe check-config`: the settings in effect with their sources, and what is wrong."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from callscribe.commands.invocation import Invocation
from callscribe.commands.proving import connected, proven, unreachable
from common.bus.acl import OPERATOR
from common.errors import BusUnavailable, SettingsError
from common.lifecycle import EXIT_FAILED, EXIT_MISUSE
from common.settings import (
    CommonSettings,
    Definition,
    FlagParser,
    SettingsClass,
    definitions,
    flag_parser,
    parse_flags,
    resolve,
    settings_classes,
)

_PROG = "callscribe check-config"


def main(argv: Sequence[str]) -> int:
    """Print the settings and return the exit code; each problem is one line on stderr.

    The first argument may name a service: then the flags are those of its command.
    """
    classes = settings_classes()
    if not argv or argv[0].startswith("-"):
        return _all(classes, argv)
    service, *rest = argv
    if service not in classes:
        raise SettingsError(f"{service}: no such service; there are {', '.join(classes)}")
    return _one(service, classes[service], rest)


def _one(service: str, cls: SettingsClass, argv: Sequence[str]) -> int:
    """Check what the command of a service would run with."""
    parser = _parser([cls], f"{_PROG} {service}", service)
    given = parse_flags(parser, argv)
    connect = given.pop("connect", None)
    settings, sources, problems = _settled(cls, given, os.environ)
    problems += proven(settings, service)
    if not problems:
        for name, definition in definitions(cls).items():
            _print(service, definition, settings, sources[name])
    return _verdict(problems, settings if connect else None, service)


def _settled(
    cls: SettingsClass, given: Mapping[str, str], env: Mapping[str, str]
) -> tuple[CommonSettings, dict[str, str], list[str]]:
    """Return the settings, the source of each, and every problem.

    A setting that has one keeps its default, so that the others are seen, too.
    """
    problems: list[str] = []
    fields = definitions(cls)
    left = dict(env)
    for name, text in given.items():
        try:
            fields[name].parse(text, fields[name].flag)
        except SettingsError as error:
            problems.append(str(error))
        else:
            left[fields[name].variable] = text
    while True:
        try:
            settings, sources = resolve(cls, [], left)
        except SettingsError as error:
            problems.append(str(error))
            _without(str(error).partition(":")[0], fields, left)
        else:
            return settings, {**sources, **{name: fields[name].flag for name in given}}, problems


def _without(name: str, fields: Mapping[str, Definition], env: dict[str, str]) -> None:
    """Remove what a problem names: a variable, or a flag, of whose setting all variables go."""
    variables = {name}
    for each in fields.values():
        if each.flag == name:
            variables |= {each.variable, *each.also}
    if not variables & env.keys():
        raise AssertionError(f"defaults contradict each other: {name}")
    for variable in variables:
        env.pop(variable, None)


def _all(classes: Mapping[str, SettingsClass], argv: Sequence[str]) -> int:
    """Check what any service would run with in this environment."""
    invocation = Invocation.parse(_parser(classes.values(), _PROG), argv, os.environ)
    problems: dict[str, None] = {}
    printed: set[str] = set()
    names = Counter(name for cls in classes.values() for name in definitions(cls))
    settings = None
    for service, cls in classes.items():
        try:
            settings, sources = resolve(cls, [], invocation.env)
        except SettingsError as error:
            problems[str(error)] = None
            continue
        try:
            problems.update(dict.fromkeys(proven(settings, service)))
        except ModuleNotFoundError as error:  # this machine runs other services
            print(f"{_PROG}: {service}: checked in part: {error}", file=sys.stderr)
        for name, definition in definitions(cls).items():
            if name not in printed:
                printed.add(name)
                owner = service if names[name] == 1 else "shared"
                source = definition.flag if name in invocation.given else sources[name]
                _print(owner, definition, settings, source)
    reaching = settings if "connect" in invocation.arguments else None
    return _verdict([*problems], reaching, OPERATOR)


def _parser(classes: Iterable[SettingsClass], prog: str, service: str = "") -> FlagParser:
    parser = flag_parser(classes, prog=prog, service=service)
    connect = "also connect to Redis, and to the sinks of a gateway"
    parser.add_argument("--connect", action="store_const", const="true", help=connect)
    return parser


def _print(owner: str, definition: Definition, settings: CommonSettings, source: str) -> None:
    value = definition.show(getattr(settings, definition.name))
    print(f"{owner:8} {definition.name:26} {value:28} {source}")


def _verdict(problems: Sequence[str], reaching: CommonSettings | None, user: str) -> int:
    """Tell the problems, or connect to the Redis of `reaching`; return the exit code."""
    for problem in problems:
        print(f"{_PROG}: {problem}", file=sys.stderr)
    if problems:
        return EXIT_MISUSE
    if reaching is not None:
        try:
            warning = asyncio.run(connected(reaching, user))
        except BusUnavailable as error:
            print(f"{_PROG}: {error}", file=sys.stderr)
            return EXIT_FAILED
        if warning is not None:
            print(f"{_PROG}: warning: {warning}", file=sys.stderr)
        if problems := asyncio.run(unreachable(reaching)):
            for problem in problems:
                print(f"{_PROG}: {problem}", file=sys.stderr)
            return EXIT_FAILED
    return 0
