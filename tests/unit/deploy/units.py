"""The units of deploy/systemd as systemd reads them, drop-in and specifiers included."""

import shlex
from collections import defaultdict
from pathlib import Path

from tests.conftest import ROOT

DIRECTORY = ROOT / "deploy" / "systemd"
COMMON = DIRECTORY / "callscribe-.service.d" / "callscribe.conf"
UNITS = sorted(path.stem.removesuffix("@") for path in DIRECTORY.glob("*.service"))
PROGRAM = "/opt/callscribe/bin/callscribe"


class Unit:
    """One service's template, started for `instance`."""

    def __init__(self, name: str, instance: str = "9100") -> None:
        self.name = f"{name}@{instance}"
        self._values: dict[str, list[str]] = defaultdict(list)
        for path in (DIRECTORY / f"{name}@.service", COMMON):
            for line in path.read_text().splitlines():
                key, equals, value = line.partition("=")
                if equals and not line.startswith("#"):
                    self._values[key].append(value.replace("%i", instance).replace("%p", name))

    def all(self, key: str) -> list[str]:
        """Return every value of a setting."""
        return self._values[key]

    def one(self, key: str) -> str:
        """Return the only value of a setting."""
        (value,) = self._values[key]
        return value

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the unit sets itself."""
        pairs = (pair for line in self.all("Environment") for pair in shlex.split(line))
        return dict(pair.split("=", 1) for pair in pairs)

    def command(self, key: str) -> list[str]:
        """Return the words of ExecStart or ExecStartPre after the program, which must be ours."""
        program, *words = shlex.split(self.one(key))
        assert program == PROGRAM
        return words


def installed(directory: Path, program: str) -> Path:
    """Copy all units, with another program, into a directory; return it."""
    for path in (*DIRECTORY.iterdir(), COMMON):
        if path.is_file():
            target = directory / path.relative_to(DIRECTORY)
            target.parent.mkdir(exist_ok=True)
            target.write_text(path.read_text().replace(PROGRAM, program))
    return directory
