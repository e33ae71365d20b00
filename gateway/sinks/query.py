"""The options in the query of a sink's URL. Errors name an option and repeat no value."""

from collections.abc import Iterable, Sequence
from urllib.parse import unquote


def taken(query: str, *names: str) -> tuple[list[list[str]], str]:
    """Take options with these names out of a query; return their values, and the rest."""
    found: dict[str, list[str]] = {name: [] for name in names}
    rest = []
    for each in query.split("&"):
        name, _, value = each.partition("=")
        if name in found:
            found[name].append(unquote(value))
        else:
            rest.append(each)
    return list(found.values()), "&".join(rest)


def allow(options: Iterable[str], allowed: Sequence[str], *more: str) -> None:
    """Raise ValueError for an option that is none of `allowed`; `more` were taken before."""
    if wrong := [name for name in options if name not in allowed]:
        text = ", ".join(("event", "channel", *more, *allowed))
        raise ValueError(f"{wrong[0]} is none of the options {text}")
