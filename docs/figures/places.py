"""The places in the documents, and what is written there."""

import re
from collections.abc import Callable, Mapping
from functools import partial

from docs.figures import alerts, attacks, bus, calls, files, proof, recognisers
from docs.figures.writing import DOCS, read, recorded, table

DOCUMENTS = (
    DOCS / "performance.md",
    DOCS / "overload.md",
    DOCS / "prove.md",
    DOCS / "runbooks.md",
    DOCS / "protocols" / "deepgram.md",
    DOCS / "protocols" / "openai.md",
    DOCS / "protocols" / "files.md",
)


def render() -> dict[str, str]:
    """Return every text by the name of its place in the documents."""
    return dict(zip(_PLACES, render_of(*_PLACES), strict=True))


def render_of(*names: str) -> list[str]:
    """Return the texts of these places."""
    return [_PLACES[name]() for name in names]


def drawn(document: str) -> str:
    """Return a document with its figures as the files have them."""
    texts = render()
    for name in re.findall(r"<!-- /([\w-]+) -->", document):
        place = re.compile(f"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        document, found = place.subn(lambda m: f"{m[1]}{texts[name]}{m[2]}", document)  # noqa: B023
        assert found == 1, f"no place for {name}"
    return document


def _targets() -> str:
    figures = read("targets")["figures"]
    return recorded("targets", table(figures["columns"], figures["rows"]))


_PLACES: Mapping[str, Callable[[], str]] = {
    "targets": _targets,
    "live": calls.live,
    "distance": calls.distance,
    "other-servers": calls.other_servers,
    "clients-deepgram": partial(calls.unmodified, "deepgram"),
    "clients-openai": partial(calls.unmodified, "openai"),
    "asr": recognisers.asr,
    "clauses": recognisers.clauses,
    "context": recognisers.context,
    "calls": calls.calls,
    "bus": bus.bus,
    "bus-bare": bus.bare,
    "bus-clients": bus.clients,
    "bus-redis": bus.redis,
    "bus-keys": bus.keys,
    "workers": bus.workers,
    "overload": calls.overload,
    "admission": calls.admission,
    "overload-in-short": calls.overload_in_short,
    "startup": calls.startup,
    "proof": proof.proof,
    "profile": bus.profile,
    "attacks": attacks.attacks,
    "alerts": alerts.alerts,
    "files": files.files,
}
