"""What is told of a proof."""

import json
from dataclasses import replace

import pytest

from callscribe.prove import report
from callscribe.prove.plot import draw
from tests.unit.callscribe.prove.conftest import PLAN, KnownMachine, proof

ABOUT = {
    "machine": {"cores": 2, "cores_of_all": 4, "processor": "Abacus"},
    "model": {"engine": "whisper", "model": None, "sha256": None},
    "corpus": {"name": "the sample call", "seconds": 117.0, "words": 170, "sha256": "ab"},
}


async def outcome_of(machine, plan=PLAN):
    return await proof(machine, [], plan).run()


async def test_the_verdict_names_the_calls_the_margin_and_what_was_refused():
    text = report.verdict(await outcome_of(KnownMachine(13, 14)), 600)
    assert "carries 11 calls of one channel, 15% below the limit" in text
    assert "the limit: 13 and 14 calls, 7% apart" in text
    assert "with 11 calls the objective held for 600 s" in text
    assert "of 15 asked, 11 were let in" in text


@pytest.mark.parametrize(
    ("machine", "text"),
    [
        (KnownMachine(0), "not proved: the objective does not hold with a single call"),
        (KnownMachine(20, 12), "not proved: the runs differ by 40% (up to 20 and 12 calls)"),
        (KnownMachine(20, 20, worn=15), "not proved: the objective held with up to 20 and 20"),
    ],
)
async def test_what_is_not_proved_has_its_reason(machine, text):
    assert report.verdict(await outcome_of(machine), 600).startswith(text)


async def test_a_figure_that_held_until_more_calls_were_asked_for_is_told():
    class Open(KnownMachine):
        def started(self, **settings):
            return super().started(ASR_LOAD="0")

    text = report.verdict(await outcome_of(Open(100), replace(PLAN, runs=1)), 600)
    begin = "not proved: the objective held with up to 100 calls, and with 73 for 600 s, but not"
    assert text.startswith(f"{begin} when 95 were asked for: none refused; 95 calls let in")


async def test_a_limit_that_is_not_known_is_told():
    outcome = await outcome_of(KnownMachine(600, 600))
    text = report.verdict(outcome, 600)
    assert text.startswith("this machine carries at least 450 calls of one channel")
    assert "the limit: at least 500 calls; more are not tried" in text
    assert report.figures(outcome, PLAN.objective, 1, ABOUT)["capped"] is True


async def test_too_few_calls_for_the_recognisers_are_told():
    plan = replace(PLAN, runs=1, workers=8)
    text = report.verdict(await outcome_of(KnownMachine(3), plan), 600)
    assert text == "not proved: the limit, 3 calls, is less than a call for each recogniser"


async def test_word_errors_that_were_not_judged_are_told():
    outcome = await outcome_of(KnownMachine(13, 14))
    assert "not judged" not in report.verdict(outcome, 600)
    outcome.base_wer = None
    assert report.verdict(outcome, 600).endswith("choose shorter ones, or a longer --dwell")


async def test_the_figures_are_json_and_name_what_they_are_about():
    outcome = await outcome_of(KnownMachine(13, 14))
    told = json.loads(json.dumps(report.figures(outcome, PLAN.objective, 1, ABOUT)))
    assert told["proved"] is True
    assert (told["calls"], told["legs_per_worker"], told["limits"]) == (11, 11, [13, 14])
    assert told["margin"] == pytest.approx(1 - 11 / 13, abs=1e-4)
    assert told["objective"] == {"final_ms": 500.0, "partial_ms": 1000.0, "wer_points": 2.0}
    assert told["corpus"]["sha256"] == "ab"
    last = told["trials"][-1]
    assert (last["phase"], last["calls"], last["held"]) == ("surplus", 15, True)
    assert last["samples_ms"]["endpoint_to_final"] == [90, 110]
    assert last["measured"]["refused"] == 12


async def test_a_line_has_the_figures_and_what_broke():
    outcome = await outcome_of(KnownMachine(13, 14))
    lines = [report.line(each) for each in outcome.judged]
    assert "run 1    2 calls" in lines[0]
    assert "finals   100 ms" in lines[0]
    assert lines[0].endswith("holds")
    assert any(line.endswith("breaks: p95 of finals 2000 ms") for line in lines)
    assert lines[-1].endswith("holds, 11 up, 12 refused")


def test_the_title_says_on_what():
    title = report.title(ABOUT)
    assert title == "2 cores, Abacus; whisper with its own model; the sample call, 117 s, 170 words"


async def test_the_picture_is_drawn_of_every_outcome(tmp_path):
    for number, machine in enumerate((KnownMachine(13, 14), KnownMachine(0))):
        file = tmp_path / f"{number}.png"
        draw(await outcome_of(machine), PLAN.objective, "a title", file)
        assert file.read_bytes().startswith(b"\x89PNG")
