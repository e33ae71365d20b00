"""Which sinks get every call, as the setting says."""

import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gateway.calls.store import WEBHOOK
from gateway.sinks.files import Folder
from gateway.sinks.sink import Sink

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_FORM = "NAME=file:/folder or NAME=postgresql://host/database, with commas between"


@dataclass(frozen=True, slots=True)
class Planned:
    """A sink that is to be built. `url` may hold a password."""

    name: str
    url: str
    folder: Path | None
    """Where it is one of files."""

    def build(self, counted: Callable[[str], None], keep: float) -> Sink:
        """Return the sink; `counted` gets the outcome of its attempts, for `keep` seconds each."""
        if self.folder is not None:
            return Folder(self.name, self.folder, counted, keep)
        from gateway.sinks.postgres import Postgres  # asyncpg is an extra

        return Postgres(self.name, self.url, counted, keep)


def planned(sinks: str) -> list[Planned]:
    """Read the setting; ValueError names what is wrong with which sink."""
    found = [_planned(name, url) for name, url in _named(sinks)] if sinks else []
    names = [each.name for each in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"--sinks: {twice[0]} is there twice")
    return found


def _named(sinks: str) -> Iterator[tuple[str, str]]:
    for each in sinks.split(","):
        name, given, url = each.strip().partition("=")
        # A URL may hold a password, so that none is repeated.
        if not given or _NAME.fullmatch(name) is None:
            raise ValueError(f"--sinks: a sink has no name, or a wrong one; expected {_FORM}")
        if name == WEBHOOK:
            raise ValueError(f"--sinks: {name} is the name of calls' own webhooks")
        yield name, url


def _planned(name: str, url: str) -> Planned:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"--sinks: {name} has no URL; expected {_FORM}") from None
    match parts.scheme:
        case "file":
            folder = Path(unquote(parts.path))
            if parts.netloc or not folder.is_absolute():
                raise ValueError(f"--sinks: {name}: file: needs a folder from the root on")
            return Planned(name, url, folder)
        case "postgresql" | "postgres":
            if importlib.util.find_spec("asyncpg") is None:
                text = f"--sinks: {name}: PostgreSQL needs pip install 'callscribe[postgres]'"
                raise ValueError(text)
            return Planned(name, url, None)
        case _:
            raise ValueError(f"--sinks: {name} is of no known kind; expected {_FORM}")
