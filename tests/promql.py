"""What a PromQL query names: its metrics with their matchers' labels, and what it groups by."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from ruamel.yaml import YAML

from deploy.dashboards.description import OTHERS
from tests.conftest import ROOT
from tests.metric_table import families

RULES = ROOT / "deploy" / "prometheus" / "rules"

ADDED = {"instance", "job", "service", "le", "alertname", "alertstate", "severity"}
"""Labels that Prometheus adds, or that every histogram has."""

_STRING = re.compile(r'"[^"]*"')
_SELECTOR = re.compile(r"\b((?:callscribe|redis_|node_|DCGM_)[\w:]*|ALERTS|up)\b(\{[^}]*\})?")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring) \(([^)]*)\)")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


@dataclass(frozen=True)
class Rule:
    """A rule of a rules file: `name` is that of an alert or of a recorded metric."""

    name: str
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@cache
def rules(file: str) -> list[Rule]:
    """Return the rules of a file in their order."""
    groups = YAML(typ="safe").load((RULES / file).read_text())["groups"]
    return [
        Rule(
            name=each.get("alert") or each["record"],
            expr=each["expr"],
            labels=each.get("labels", {}),
            annotations=each.get("annotations", {}),
        )
        for group in groups
        for each in group["rules"]
    ]


@cache
def recorded() -> dict[str, set[str]]:
    """Return the labels of every recorded metric."""
    found = {}
    for rule in rules("recording.yml"):
        by = re.search(r"\bby \(([^)]*)\)", rule.expr)
        found[rule.name] = {each.strip() for each in by[1].split(",")} if by else set()
    return found


@cache
def labels() -> dict[str, set[str]]:
    """Return the labels of every name that a query may use."""
    declared, queryable = families()
    known: dict[str, set[str]] = {"up": set(), **{name: set(own) for name, own in OTHERS.items()}}
    for name in queryable:
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        known[name] = set(declared.get(name) or declared.get(base) or ())
    return known | recorded()


def names(expr: str) -> set[str]:
    """Return the metrics that a query uses, by their names without a histogram's suffix."""
    declared, _ = families()
    used = {name for name, _ in _SELECTOR.findall(expr)}
    bases = {name: re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    return {base if base in declared else name for name, base in bases.items()}


def mistakes(expr: str, known: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield each metric and each label of a query that does not exist."""
    selectors = _SELECTOR.findall(expr)
    if not selectors:
        yield f"no metric in {expr}"
    grouped: set[str] = set()
    for name, matchers in selectors:
        if name not in known:
            yield name
            continue
        grouped |= known[name]
        for label in _LABEL.findall(_STRING.sub('""', matchers)):
            if label not in known[name] | ADDED:
                yield f"{name}{{{label}}}"
    for listed in _GROUPING.findall(expr):
        for label in filter(None, map(str.strip, listed.split(","))):
            if label not in grouped | ADDED:
                yield f"by {label} in {expr}"
