"""The documents' figures: they are those of the files, and the files are what benchmarks write."""

import re

import pytest

from bench import suite
from bench.asr import WINDOWS
from docs.figures import places, recognisers, writing
from tests.promql import rules

BY_HAND = {"targets", "bus-before", "other-servers", "proof"}


def test_the_documents_show_what_was_recorded():
    texts = {path.name: path.read_text() for path in places.DOCUMENTS}
    assert {name for name, text in texts.items() if places.drawn(text) != text} == set()


def test_every_text_has_its_place():
    texts = "".join(path.read_text() for path in places.DOCUMENTS)
    assert sorted(re.findall(r"<!-- /([\w-]+) -->", texts)) == sorted(places.render())


def test_no_table_of_performance_is_made_otherwise():
    text = places.DOCUMENTS[0].read_text()
    rest = re.sub(r"<!-- ([\w-]+) -->\n.*?<!-- /\1 -->", "", text, flags=re.DOTALL)
    assert not re.search(r"^(\||```)", rest, re.MULTILINE)


def test_what_is_not_recorded_by_hand_is_what_a_benchmark_writes():
    recorded = {path.stem for path in writing.MEASUREMENTS.glob("*.json")}
    assert recorded >= BY_HAND
    clients = (writing.DOCS.parent / "tests" / "clients").glob("test_*.py")
    others = {path.stem.replace("test_", "clients-") for path in clients}
    others |= {"profile", "attacks", "alerts", "files"}
    assert recorded - BY_HAND <= {entry.name for entry in suite.ENTRIES} | others
    for name in recorded:
        assert writing.read(name).keys() == {"date", "machine", "figures"}
    assert set(WINDOWS) | set(writing.read("asr")["figures"]["ways"]) >= set(recognisers._WAYS)


def test_a_place_that_nothing_fills_is_an_error():
    with pytest.raises(KeyError):
        places.drawn("<!-- nothing -->\n\n<!-- /nothing -->")


def test_each_alert_of_the_rules_was_provoked():
    told = writing.read("alerts")["figures"]["alerts"]
    assert [each["alert"] for each in told if each["fired_after_s"] is None] == []
    alerts = {(rule.name, rule.labels["severity"]) for rule in rules("alerts.yml")}
    assert {(each["alert"], each["severity"]) for each in told} == alerts
