"""Plain HTTP pages of the gateway: for people, probes and Prometheus."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


class Subject(Protocol):
    """What the pages show."""

    @property
    def registry(self) -> CollectorRegistry:
        """The process's metrics."""

    def unready(self) -> str | None:
        """Tell why no call can be taken now, or None."""

    def status(self) -> dict[str, object]:
        """Return the facts of `/ws/status`."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer."""

    status: int
    reason: str
    content_type: str
    body: bytes


def find(path: str, subject: Subject) -> Page:
    """Return the page at a path, or a 404 that lists all pages."""
    build = _PAGES.get(path)
    if build is None:
        return text(404, f"there are {', '.join(sorted(_PAGES))}")
    return build(subject)


def text(status: int, said: str) -> Page:
    """Return a page of one line."""
    reason = HTTPStatus(status).phrase
    return Page(status, reason, "text/plain; charset=utf-8", f"{said}\n".encode())


def _health(subject: Subject) -> Page:
    return text(200, "ok")


def _ready(subject: Subject) -> Page:
    reason = subject.unready()
    return text(200, "ok") if reason is None else text(503, reason)


def _metrics(subject: Subject) -> Page:
    return Page(200, "OK", CONTENT_TYPE_LATEST, generate_latest(subject.registry))


def _status(subject: Subject) -> Page:
    facts = {"version": version("callscribe"), **subject.status()}
    return Page(200, "OK", "application/json", json.dumps(facts, indent=2).encode() + b"\n")


def _index(subject: Subject) -> Page:
    html = files(__package__).joinpath("index.html").read_bytes()
    return Page(200, "OK", "text/html; charset=utf-8", html)


_PAGES: dict[str, Callable[[Subject], Page]] = {
    "/": _index,
    "/health": _health,
    "/ready": _ready,
    "/metrics": _metrics,
    "/ws/status": _status,
}
