"""A command line that may hold any setting of any service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.settings import FlagParser, merge, parse_flags, settings_classes


@dataclass(frozen=True)
class Invocation:
    """A command line together with the environment."""

    arguments: Mapping[str, str]
    """What is not a setting: the command's own arguments, by name."""
    given: Mapping[str, str]
    """The settings given as flags, by name."""
    env: Mapping[str, str]
    """The environment, with these flags as the variables they stand for."""

    @classmethod
    def parse(cls, parser: FlagParser, argv: Sequence[str], env: Mapping[str, str]) -> "Invocation":
        """Read a command line; SettingsError for an unknown flag or an invalid value."""
        texts = parse_flags(parser, argv)
        names = merge(settings_classes().values())
        given = {name: text for name, text in texts.items() if name in names}
        for name, text in given.items():
            names[name].parse(text, names[name].flag)
        arguments = {name: text for name, text in texts.items() if name not in names}
        variables = {names[name].variable: text for name, text in given.items()}
        return cls(arguments, given, {**env, **variables})
