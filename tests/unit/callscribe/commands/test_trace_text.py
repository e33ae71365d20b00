"""Traces in a terminal."""

import re

from callscribe.commands.trace_text import GLYPHS, legend, stacked, table, waterfall
from callscribe.commands.trace_timeline import of_utterance
from common.pipeline.trace import PARTS
from tests.unit.callscribe.commands.traces import LATE, STAMPS, utterance

EARLY = of_utterance(utterance(1, label="agent"))
WAY = of_utterance(utterance(2, stamps=LATE))


def figures(line: str) -> list[float]:
    return [float(each) for each in re.findall(r"\d+\.\d", line)]


def test_each_final_is_a_line_whose_parts_are_its_total():
    head, early, late, remark = table([EARLY, WAY]).splitlines()
    assert head.split()[:4] == ["start", "end", "silence", "store"]
    assert "denoise" not in head
    assert "(250.0)" in early
    assert early.endswith("agent, utterance 1")
    *_, total = figures(late)
    parts = figures(late)[2:-2]
    assert round(sum(parts), 1) == total == 1023.4
    assert "no part of the sums" in remark


def test_a_part_that_is_not_known_is_a_dash():
    some = of_utterance(utterance(1, stamps=STAMPS | {"heard": None}))
    _, first, *_ = table([some, EARLY]).splitlines()
    assert "–" in first


def test_the_bars_of_one_final_follow_each_other():
    lines = waterfall(WAY, 80).splitlines()
    assert lines[0] == "0 ms: the last speech was received"
    assert lines[-1].split() == ["total", "1023.4"]
    bars = [line[line.index("█") :] for line in lines if "█" in line]
    assert [len(bar) for bar in bars] == [46, 1, 12], "silence, hear and decode"
    assert all(len(line) <= 80 for line in lines)
    edges = [(line.index("█"), len(line)) for line in lines if "█" in line]
    assert edges[0][1] == edges[1][0], "nothing between them is as long as a column"
    assert edges[1][1] == edges[2][0]
    assert any("░" in line for line in waterfall(EARLY, 80).splitlines())


def test_the_bars_of_several_finals_are_on_one_axis():
    axis, first, second = stacked([EARLY, WAY], 80).splitlines()
    assert "1023.4 ms" in axis
    assert len(second) <= 80
    assert first.count(".") < second.count(GLYPHS["silence"]) + 3
    assert GLYPHS["decode"] in second
    assert GLYPHS["decode"] not in first
    assert ". silence" in legend([WAY])


def test_every_part_has_a_glyph_of_its_own():
    assert list(GLYPHS) == [*PARTS.values()]
    assert len(set(GLYPHS.values())) == len(GLYPHS)


def test_nothing_of_a_label_moves_the_cursor():
    assert "\x1b" not in table([of_utterance(utterance(1, label="a\x1b[2J"))])
