"""The documents' figures: they are those of the files, and the files are what benchmarks write."""

import dataclasses
import re

import pytest

import tests.attack.kin  # noqa: F401 - fills the registry
from bench import overload, profile, record, suite, table
from bench.asr import WINDOWS
from callscribe.prove import report
from docs.figures import places, recognisers, writing
from tests.attack.report import as_json
from tests.attack.scoring import Answer, Bounds, Footprint, Newcomer, Outcome
from tests.drills import calls, exercise
from tests.drills.registry import Drill
from tests.promql import rules
from tests.unit.callscribe.prove.conftest import PLAN, KnownMachine
from tests.unit.callscribe.prove.conftest import proof as proof_on

BY_HAND = {"targets", "bus-before", "other-servers", "proof"}


@pytest.mark.parametrize("path", places.DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_show_what_was_recorded(path):
    text = path.read_text()
    assert places.drawn(text) == text


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
    others |= {"profile", "attacks", "alerts", "scaler"}
    assert recorded - BY_HAND <= {entry.name for entry in suite.ENTRIES} | others
    for name in recorded:
        assert writing.read(name).keys() == {"date", "machine", "figures"}
    assert set(WINDOWS) | set(writing.read("asr")["figures"]["ways"]) >= set(recognisers._WAYS)


def test_a_place_that_nothing_fills_is_an_error():
    with pytest.raises(KeyError):
        places.drawn("<!-- nothing -->\n\n<!-- /nothing -->")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "MEASUREMENTS", tmp_path)
    return tmp_path


def test_an_overload_is_shown_as_the_benchmark_writes_it(folder):
    alone = overload.Phase("alone", finals=[200.0, 210.0], partials=[500.0], calls=[2])
    full = overload.Phase("twice", finals=[250.0], partials=[1_400.0], calls=[23])
    full.answers["asr_load"] = [1.0, 2.0]
    record.write(folder / "overload.json", overload.figures([alone, full]))
    texts = places.render_of("overload", "overload-in-short")
    assert "| two callers alone | 2.0 | 2 |" in texts[0]
    assert "`asr_load` 2, " in texts[0]
    assert record.machine() in texts[0]
    in_short = " ".join(texts[1].split())
    assert "23 were let in, finals came at p95 250 ms" in in_short
    assert record.machine() in in_short


def _run(*, cpu: float = 1.0, bare: bool = False) -> table.Figures:
    return table.Figures(
        sessions=1_000,
        workers=1,
        pattern="talk",
        message_ms=100,
        seconds=10.0,
        cpu=dict.fromkeys(table.PROCESSES, cpu),
        machine_percent=150.4,
        v=(1_200.4, 3.0),
        r=(4.0, 5.0),
        late=0.0,
        expected=1,
        lost=0,
        unexpected=0,
        resident_mb={},
        redis_kb_per_session=1.0,
        bare=bare,
    )


def test_runs_of_the_bus_are_shown_as_the_benchmark_writes_them(folder):
    run = _run()
    for name in ("bus-before", "bus", "bus-talk", "bus-100ms"):
        record.write(folder / f"{name}.json", [dataclasses.asdict(run)])
    (text,) = places.render_of("bus")
    row = (
        "talk, 1 000, 100 ms frames | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 150 | 1 200 / 3 | 4 / 5 |"
    )
    assert f"| now, {row}" in text
    assert f"| before, {row}" in text


def test_runs_of_the_bare_chain_are_shown_beside_ours(folder):
    runs = [_run(cpu=cpu, bare=bare) for cpu, bare in ((2, True), (3, False)) for _ in range(3)]
    record.write(folder / "bus-bare.json", [dataclasses.asdict(run) for run in runs])
    (text,) = places.render_of("bus-bare")
    assert "Medians of 3 runs" in text
    assert "| 1 000 | bare chain | 2.00 | 2.00 | 2.00 | 2.00 | 1 200 / 3 | 4 / 5 |" in text
    assert "| 1 000 | ratio | **1.50** | **1.50** | **1.50** | **1.50** | | |" in text


def test_a_profile_is_shown_as_the_benchmark_writes_it(folder):
    weighed = profile.weigh(["main (a.py:1);work (b.py:2) 30", "main (a.py:1) 10"])
    processes = dict.fromkeys(("gateway", "vad", "asr"), weighed)
    record.write(folder / "profile.json", {"sessions": 500, "calls": 8, "processes": processes})
    (text,) = places.render_of("profile")
    assert "Gateway, 500 sessions:" in text
    assert "ASR worker, 8 live calls:" in text
    assert "   75.0 %  work (b.py)" in text


def test_attacks_are_shown_as_the_suite_writes_them(folder):
    outcome = Outcome(
        attack="pings",
        seconds=12.0,
        before=[0.1, 0.2],
        during=[0.15],
        words=40,
        lost=0,
        newcomers=[Newcomer(Answer.LET_IN, 0.1, 0.1), Newcomer(Answer.REFUSED, 0.1, 1.1)],
        footprint=Footprint(before=90.0, peak=95.4, after=91.0),
        attacker={"sent": 2_500_000, "statuses": {"101": 4}, "closes": {"1008": 3}},
    )
    record.write(folder / "attacks.json", as_json([outcome], Bounds()))
    (text,) = places.render_of("attacks")
    assert "1 attacks of 12 s" in text
    assert "40 words; none were lost" in " ".join(text.split())
    row = "| 2.5 MB | `101` 4, `1008` 3 | 200 → 150 | 0 | 1 / 1 | 90, 95, 91 |"
    assert f"(`pings`) {row}" in text


def test_alerts_are_shown_as_the_drills_write_them(folder):
    found = {("FinalsLate", "page"): 12.34}
    both = frozenset({("FinalsLate", "page"), ("AudioLost", "ticket")})
    given = Drill("slow", "speech is slow", both, calls.slow_recognisers)
    record.write(folder / "alerts.json", exercise.as_json([exercise.Outcome(given, found)]))
    (text,) = places.render_of("alerts")
    assert "1 of 2 alerts fired" in text
    assert "time passes 60 times faster" in " ".join(text.split())
    assert "| `FinalsLate` | page | speech is slow | 12 |" in text
    assert "| `AudioLost` | ticket | speech is slow | never |" in text


def test_each_alert_of_the_rules_was_provoked():
    told = writing.read("alerts")["figures"]["alerts"]
    assert [each["alert"] for each in told if each["fired_after_s"] is None] == []
    alerts = {(rule.name, rule.labels["severity"]) for rule in rules("alerts.yml")}
    assert {(each["alert"], each["severity"]) for each in told} == alerts


async def test_a_proof_is_shown_as_it_is_reported(folder):
    outcome = await proof_on(KnownMachine(13, 14), [], PLAN).run()
    about = {"corpus": {"name": "the sample call"}, "model": {"engine": "whisper"}}
    record.write(folder / "proof.json", report.figures(outcome, PLAN.objective, 1, about))
    (text,) = places.render_of("proof")
    assert "It carries 11 calls; the runs found 13 and 14." in text
    assert "| run 1 | 2 |" in text
    assert re.search(r"\| the figure \| 11 \| .* \| 11 \| 0 \| holds \|", text)
    assert re.search(r"\| 1.3 times as many \| 15 \| .* \| 11 \| 12 \| holds \|", text)
