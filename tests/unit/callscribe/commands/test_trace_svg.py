"""Traces as a picture."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from callscribe.commands.trace_svg import _COLOURS, svg
from callscribe.commands.trace_timeline import of_utterance, of_word
from common.pipeline.trace import PARTS
from tests.unit.callscribe.commands.traces import LATE, utterance

SPACE = "{http://www.w3.org/2000/svg}"


def bars(document: str) -> list[tuple[str, str, float, float]]:
    """Return part, ms, begin and end of every bar."""
    return [
        (
            each.attrib["data-part"],
            each.attrib["data-ms"],
            float(each.attrib["x"]),
            float(each.attrib["x"]) + float(each.attrib["width"]),
        )
        for each in ElementTree.fromstring(document).iter(f"{SPACE}rect")
        if "data-part" in each.attrib
    ]


@pytest.mark.parametrize(
    "way", [of_utterance(utterance(1, stamps=LATE)), of_word([utterance(1, words=2)], 2)]
)
def test_the_bars_follow_each_other_and_add_up(way):
    found = bars(svg([way]))
    assert [part for part, *_ in found] == [span.part for span in way.parts]
    assert round(sum(float(ms) for _, ms, *_ in found), 1) == way.total / 10
    for (*_, end), (_, _, begin, _) in pairwise(found):
        assert begin == pytest.approx(end, abs=0.02)


def test_a_tentative_decode_is_drawn_and_is_no_part():
    document = svg([of_utterance(utterance(1))])
    assert "tentative decode: 250.0 ms" in document
    assert ("decode", "250.0") not in [(part, ms) for part, ms, *_ in bars(document)]


def test_a_label_cannot_break_the_document():
    document = svg([of_utterance(utterance(1, label='<script>&"\x00'))])
    assert "<script>" not in document
    assert bars(document)


def test_without_finals_there_is_an_empty_axis():
    assert bars(svg([])) == []


def test_every_part_has_a_colour_of_its_own():
    assert list(_COLOURS) == [*PARTS.values()]
    assert len(set(_COLOURS.values())) == len(_COLOURS)
