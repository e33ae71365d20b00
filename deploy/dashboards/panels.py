"""What a dashboard consists of, apart from how Grafana writes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Unit: TypeAlias = Literal[
    "short", "s", "dtdurations", "percentunit", "ops", "bytes", "Bps", "watt", "celsius", "bool"
]
"""Names of Grafana's units."""

WINDOW = "[$__rate_interval]"
"""The window of a rate: Grafana makes it fit the picture and the scrape interval."""


@dataclass(frozen=True)
class Query:
    """A PromQL expression, and what its series are called: `{{label}}` stands for a value."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """A picture of some queries; `text` says what is normal and what to do otherwise.

    `bad_from`: a value from which something is wrong, drawn as a line. A `figure` shows the last
    values as large numbers instead of curves.
    """

    title: str
    text: str
    unit: Unit
    queries: Sequence[Query]
    bad_from: float | None = None
    figure: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Choice:
    """A variable that a dashboard's reader chooses: any of a metric's values of a label."""

    name: str
    metric: str
    label: str


@dataclass(frozen=True)
class Dashboard:
    """A page of panels; `name` is that of its file and of its address in Grafana."""

    name: str
    title: str
    panels: Sequence[Panel]
    choice: Choice | None = None


def quantiles(metric: str, by: str = "", where: str = "", of: str = "") -> list[Query]:
    """Return the median and the 95th percentile of a histogram, for each value of a label `by`."""
    grouping = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    rate = f"sum by ({grouping}) (rate({metric}_bucket{where}{WINDOW}))"
    name = f"{of} " if of else ""
    return [
        Query(f"histogram_quantile({q}, {rate})", f"{legend}{name}{text}")
        for q, text in ((0.5, "median"), (0.95, "p95"))
    ]


def each(metric: str, by: str, where: str = "") -> Query:
    """Return how often something happened in a minute, for each value of a label."""
    return Query(f"sum by ({by}) (rate({metric}{where}{WINDOW})) * 60", f"{{{{{by}}}}}")
