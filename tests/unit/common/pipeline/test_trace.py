"""From stamps to the parts of the time that a final took."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.pipeline.trace import PARTS, Span, spans

AT = 1_795_264_658.0
PLAIN = {
    "spoken": AT,
    "received": AT + 0.8,
    "stored": AT + 0.805,
    "denoised": None,
    "heard": AT + 0.815,
    "endpoint": AT + 0.816,
    "decode_begun": AT + 0.82,
    "decode_ended": AT + 1.02,
    "committed": AT + 1.021,
    "sent": AT + 1.0234,
}


def lengths(stamps, **given):
    return {span.part: (span.end - span.begin) / 10 for span in spans(stamps, **given)}


def test_each_part_ends_with_its_stamp():
    assert lengths(PLAIN) == {
        "silence": 800.0,
        "store": 5.0,
        "hear": 10.0,
        "decide": 1.0,
        "queue": 4.0,
        "decode": 200.0,
        "commit": 1.0,
        "send": 2.4,
    }


def test_a_tentative_decode_before_the_endpoint_takes_no_time_of_its_own():
    early = PLAIN | {"decode_begun": AT + 0.3, "decode_ended": AT + 0.5}
    found = lengths(early)
    assert (found["queue"], found["decode"], found["commit"]) == (0.0, 0.0, 205.0)
    across = lengths(PLAIN | {"decode_begun": AT + 0.3, "decode_ended": AT + 0.9})
    assert (across["queue"], across["decode"]) == (0.0, 84.0)


def test_the_time_of_a_missing_stamp_belongs_to_the_next_part():
    found = lengths(PLAIN | {"heard": None, "endpoint": None})
    assert "hear" not in found
    assert found["queue"] == 15.0


def test_it_can_begin_with_an_earlier_time():
    found = spans(PLAIN, since=AT - 2)
    assert found[0] == Span("speech", 0, 20_000)
    assert found[-1].end == 30_234


@pytest.mark.parametrize("stamps", [{}, dict.fromkeys(PARTS)])
def test_without_stamps_there_are_no_parts(stamps):
    assert spans(stamps) == []
    assert spans({"spoken": AT}) == []


STAMPS = st.fixed_dictionaries(
    {name: st.none() | st.floats(AT, AT + 100, allow_nan=False) for name in PARTS}
)


@given(STAMPS)
def test_the_parts_always_add_up(stamps):
    """Whatever the clocks say, no part is negative and nothing is left out."""
    found = spans(stamps)
    known = [at for name in PARTS if (at := stamps[name]) is not None]
    assert all(span.begin <= span.end for span in found)
    assert [span.begin for span in found[1:]] == [span.end for span in found[:-1]]
    if len(known) > 1:
        assert found[0].begin == 0
        assert found[-1].end == max(0, round((known[-1] - known[0]) * 1e4))
