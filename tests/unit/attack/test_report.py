import json

from tests.attack.report import as_json, heading, row, summary
from tests.attack.scoring import Answer, Bounds, Footprint, Newcomer, Outcome

BOUNDS = Bounds()
GOOD = Outcome(
    attack="pings",
    seconds=12.0,
    before=[0.1],
    during=[0.2],
    words=20,
    newcomers=[
        Newcomer(Answer.LET_IN, 0.01, 0.02),
        Newcomer(Answer.REFUSED, 0.01, 5.5, 5.0, ("asr_load",)),
    ],
    footprint=Footprint(before=60.0, peak=70.0, after=61.0, log_lines=9),
    attacker={"messages": 7, "sent": 700_000, "cpu_s": 0.1, "closes": {"1008": 3}},
)
BAD = Outcome(attack="pongs", seconds=12.0, problems=["gateway-0 died with code 1"])


def test_a_row_holds_the_figures():
    line = row(GOOD, BOUNDS)
    for cell in ("100>200", "0/20", "1/1/0", "5.50", "60>70>61", "7 0.7 MB", "1008:3"):
        assert cell in line
    assert "BROKEN" not in line


def test_what_is_broken_is_told_below_the_row():
    assert "\n    BROKEN gateway-0 died with code 1\n" in row(BAD, BOUNDS)


def test_columns_stand_below_their_names():
    first, second = heading(), row(GOOD, BOUNDS)
    assert second.index("100>200") == first.index("p95 ms")


def test_the_summary_names_who_harmed():
    assert summary([GOOD], BOUNDS).startswith("OK")
    assert summary([GOOD, BAD], BOUNDS) == "FAILED: 1 of 2 attacks harmed nobody; pongs did"


def test_the_json_has_all_of_it():
    figures = json.loads(json.dumps(as_json([GOOD, BAD], BOUNDS)))["attacks"]
    assert figures["pings"]["newcomers"]["reasons"] == {"asr_load": 1}
    assert figures["pings"]["endpoint_to_final"]["during"]["p95"] == 0.2
    assert figures["pongs"]["broken"][0] == "gateway-0 died with code 1"
