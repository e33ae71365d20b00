"""Finals with what was said before: the figures of every way, over the same words."""

import pytest

from bench import context, record
from tests import margins


@pytest.mark.model_text
def test_finals_alone_are_as_good_as_whole_recordings(tmp_path):
    path = tmp_path / "context.json"
    assert context.main(["--short", "--json", str(path)]) == 0
    figures = record.read(path)
    assert {each["words"] for each in figures.values()} == {170}
    wrong = {name: each["errors"] for name, each in figures.items()}
    assert wrong[context.OURS] - wrong[context.WHOLE] <= margins.CUT_BY_THE_VAD[12_800]
    assert all(each["cpu_s"] > 0 for each in figures.values())
