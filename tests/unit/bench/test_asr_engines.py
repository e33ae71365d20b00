"""How engines are compared, on results that are written here."""

import numpy as np
import pytest

from bench import asr_engines
from bench.asr_engines import Figures, Result, Said

AUDIO = np.zeros(16_000, np.float32)
SAID = [
    Said("one", "read", "ask not what your country can do", [AUDIO]),
    Said("two", "telephone", "one two three", [AUDIO, AUDIO]),
]


def result(*texts: str) -> Result:
    return Result(
        texts=list(texts), finals=[0.1, 0.2, 0.3], partials=[0.05], together=0.3, invented=["'You'"]
    )


def test_errors_are_counted_by_kind_and_costs_by_second():
    figures = asr_engines._figures(SAID, result("ask not your country can do", "1-2-3"))
    assert figures.errors == {"read": (1, 7), "telephone": (0, 3)}
    assert figures.final_cpu_ms_per_s == pytest.approx(200)
    assert figures.final_cpu_ms_per_s_of_eight == pytest.approx(100)
    assert figures.final_ms_p50 == pytest.approx(200)
    assert figures.invented == 1
    assert asr_engines._rate(figures) == 0.1


def test_what_the_second_engine_loses_is_shown_with_both_texts():
    results = {"a": result("ask not", "one two three"), "b": result("ask not what", "one three")}
    lines = asr_engines._worse(SAID, "a", "b", results)
    assert lines[1:] == [
        "  two, telephone: 0 and 1 words wrong",
        "    a: one two three",
        "    b: one three",
    ]
    assert asr_engines._worse(SAID, "b", "b", results) == ["b hears nothing worse than b"]


def test_the_table_has_a_column_for_each_engine():
    figures: dict[str, Figures] = {
        name: asr_engines._figures(SAID, result("", "one two three")) for name in ("a", "b")
    }
    table = asr_engines._table(SAID, figures)
    assert "words wrong, read" in table
    assert "7 of 7" in table


def test_each_recording_is_also_heard_through_a_telephone():
    tone = np.sin(np.arange(16_000) / 20).astype(np.float32)
    (_, wide), (kind, narrow) = asr_engines._kinds("one", tone)
    assert kind == "telephone"
    assert wide is tone
    assert len(narrow) == len(tone)
    assert 0 < np.abs(narrow - tone)[800:-800].max() < 0.1
    assert asr_engines._kinds("osr_8k", tone) == [("telephone", tone)]
