"""The scripts as files: each is loaded once, and says what it takes and answers."""

from pathlib import Path

import pytest

from common.bus import scripts
from common.redis.script import Script

FILES = sorted(Path(scripts.__file__).parent.glob("*.lua"))


def test_every_file_is_a_script():
    sources = {each.source for each in vars(scripts).values() if isinstance(each, Script)}
    assert {path.read_text() for path in FILES} == sources
    assert len(FILES) == len(sources)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_script_begins_with_what_it_does_takes_and_answers(path):
    header = path.read_text().partition("\n\n")[0].splitlines()
    assert all(line.startswith("-- ") for line in header)
    first_words = [line.split()[1] for line in header]
    labels = ["KEYS:", "ARGV:", "Answer:"]
    assert [word for word in first_words if word in labels] == labels
    assert not header[0].startswith("-- KEYS:")
