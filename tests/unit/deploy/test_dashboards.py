"""The dashboards: their files are those of the description, which is held against the metrics."""

import json
import re
from itertools import pairwise

import pytest

from deploy.dashboards.__main__ import FOLDER, files
from deploy.dashboards.description import DASHBOARDS, OTHERS
from tests.metric_table import families
from tests.promql import labels, mistakes, names, recorded, rules
from tests.unit.deploy.promtool import promtool

QUERIES = [
    pytest.param(query, dashboard, id=f"{dashboard.name}-{panel.title}-{number}")
    for dashboard in DASHBOARDS
    for panel in dashboard.panels
    for number, query in enumerate(panel.queries)
]


def test_the_files_are_what_the_description_makes():
    assert {path: path.read_text() for path in FOLDER.iterdir()} == files()


def test_every_metric_is_on_a_panel():
    direct = {
        name
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for query in panel.queries
        for name in names(query.expr)
    }
    behind = {rule.name: names(rule.expr) for rule in rules("recording.yml")}
    shown = direct.union(*(behind[name] for name in direct & {*behind}))
    declared, _ = families()
    assert {*declared} - shown == set()
    assert {*OTHERS} - direct == set()


@pytest.mark.parametrize(("query", "dashboard"), QUERIES)
def test_a_query_names_what_exists(query, dashboard):
    known = labels()
    assert [*mistakes(query.expr, known)] == []
    variables = set(re.findall(r"\$(?!__)(\w+)", query.expr))
    assert variables <= ({dashboard.choice.name} if dashboard.choice else set())
    told = set(re.findall(r"{{(\w+)}}", query.legend))
    possible = set().union(*(known.get(name, set()) for name in names(query.expr)))
    assert told <= possible | {"instance"}


def test_a_choice_is_a_label_of_its_metric():
    declared, _ = families()
    for dashboard in DASHBOARDS:
        if choice := dashboard.choice:
            assert choice.label in {*declared[choice.metric], "instance"}
            assert any(f"${choice.name}" in q.expr for p in dashboard.panels for q in p.queries)


def test_prometheus_can_read_every_query(tmp_path):
    exprs = {
        re.sub(r"\$\w+", "x", query.expr.replace("$__rate_interval", "1m"))
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for query in panel.queries
    }
    named = [{"record": f"q:{n}", "expr": expr} for n, expr in enumerate(sorted(exprs))]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": named}]}))
    assert f"{len(exprs)} rules found" in promtool("check", "rules", str(file))


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_panels_neither_overlap_nor_leave_the_grid(path):
    panels = json.loads(path.read_text())["panels"]
    places = [each["gridPos"] for each in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, next_one in pairwise(places):
        beside = next_one["y"] == one["y"] and next_one["x"] >= one["x"] + one["w"]
        assert beside or next_one["y"] >= one["y"] + one["h"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["description"] and panel["targets"] for panel in panels)


def test_every_recorded_metric_is_used():
    used = {name for rule in rules("alerts.yml") for name in names(rule.expr)}
    used |= {n for d in DASHBOARDS for p in d.panels for q in p.queries for n in names(q.expr)}
    assert {*recorded()} - used == set()
