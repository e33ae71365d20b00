import re

import pytest

from tests.drills.shortened import shortened
from tests.promql import RULES


def test_every_duration_is_divided():
    text = (
        "interval: 30s\nfor: 2m\nexpr: rate(x[5m]) unless x offset 1h\n"
        "and predict_linear(x[1d], 4 * 3600) > 14 * 86400"
    )
    assert shortened(text, 60) == (
        "interval: 500ms\nfor: 2000ms\nexpr: rate(x[5000ms]) unless x offset 60000ms\n"
        "and predict_linear(x[1440000ms], 240) > 14 * 86400"
    )


@pytest.mark.parametrize("name", ["alerts.yml", "recording.yml"])
def test_no_rule_keeps_a_duration(name):
    short = shortened((RULES / name).read_text(), 60)
    lines = [line for line in short.splitlines() if not line.lstrip().startswith("#")]
    rest = re.sub(r"callscribe:\S+|summary: .*", "", "\n".join(lines))
    assert re.findall(r"\b\d+[smhd]\b|\* 3600", rest) == []
    assert re.findall(r"\[(?!\d+ms\])[^]]*\]", rest) == []
