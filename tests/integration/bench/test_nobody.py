"""Nothing is heard where nobody speaks."""

import pytest

from bench import nobody, record

pytestmark = pytest.mark.model_text


def test_no_words_are_heard_in_a_minute_of_each_sound(tmp_path):
    path = tmp_path / "nobody.json"
    nobody.main(["--json", str(path)])
    report = record.read(path)
    assert report["heard"] == []
    assert report["seconds"] > 26 * 60 - 1
