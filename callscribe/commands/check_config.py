"""`callscribe check-config`: every setting that is in effect, with its source."""

import os
import sys
from collections import Counter
from collections.abc import Sequence

from callscribe.commands.invocation import Invocation
from common.errors import SettingsError
from common.lifecycle import EXIT_MISUSE
from common.settings import definitions, flag_parser, resolve, settings_classes


def main(argv: Sequence[str]) -> int:
    """Print the settings and return the exit code; each problem is one line on stderr."""
    classes = settings_classes()
    parser = flag_parser(classes.values(), prog="callscribe check-config")
    invocation = Invocation.parse(parser, argv, os.environ)
    problems: dict[str, None] = {}
    printed: set[str] = set()
    names = Counter(name for cls in classes.values() for name in definitions(cls))
    for service, cls in classes.items():
        try:
            settings, sources = resolve(cls, [], invocation.env)
        except SettingsError as error:
            problems[str(error)] = None
            continue
        for name, definition in definitions(cls).items():
            if name not in printed:
                printed.add(name)
                owner = service if names[name] == 1 else "shared"
                value = definition.show(getattr(settings, name))
                source = definition.flag if name in invocation.given else sources[name]
                print(f"{owner:8} {name:26} {value:28} {source}")
    for problem in problems:
        print(f"callscribe check-config: {problem}", file=sys.stderr)
    return EXIT_MISUSE if problems else 0
