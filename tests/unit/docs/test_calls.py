"""docs/calls.md names every stamp and every part of a trace, in their order, and no other."""

import re
from pathlib import Path

from common.pipeline.trace import PARTS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "calls.md").read_text()


def test_the_table_of_stamps_is_that_of_the_code():
    _, _, rest = PAGE.partition("| stamp | when | the part that ends there |\n")
    rows = [re.findall(r"`(\w+)`", line) for line in rest.partition("\n\n")[0].splitlines()[1:]]
    assert [(row[0], row[-1]) for row in rows] == [
        *((stamp, part) for stamp, part in PARTS.items())
    ]


def test_the_example_has_every_stamp():
    example = re.search(r'"stamps": \{(.*?)\}', PAGE, re.DOTALL)
    assert example is not None
    assert re.findall(r'"(\w+)":', example[1]) == [*PARTS]
