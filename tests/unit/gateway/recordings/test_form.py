"""What a setting of recordings means, and what is said of one that is wrong."""

from pathlib import Path
from typing import Any

import pytest

from gateway.recordings.form import Form, PlannedRecordings


def test_a_url_says_where_recordings_go_and_what_they_are():
    plan = PlannedRecordings.parse("file:/var/lib/calls")
    folder: Any = plan.storage()
    assert folder._path == Path("/var/lib/calls")
    assert plan.form == Form("flac", stereo=False, speech=False)
    assert plan.days is None
    assert PlannedRecordings.parse("file:/x?days=30").days == 30
    assert PlannedRecordings.parse("file:/x?format=opus&channels=stereo").form == Form(
        "opus", stereo=True
    )
    assert PlannedRecordings.parse("file:/x?content=speech&format=wav").form == Form(
        "wav", speech=True
    )


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("/folder", "no folder and no bucket; expected file:/folder or s3://bucket/prefix"),
        ("postgresql://me:hush@host", "no folder and no bucket"),
        ("file:folder", "file: needs a folder from the root on"),
        ("file:/x?format=mp3", "format is none of flac, wav, opus"),
        ("file:/x?days=ever", "days=ever is no number of days from 1 to 36500"),
        ("file:/x?channels=stereo&content=speech", "exclude each other"),
        ("file:/x?mode=600", "file: has no options but"),
        ("s3://calls?key=hush", "key is none of the options"),
        ("http://[", "Invalid IPv6 URL"),
    ],
)
def test_a_wrong_one_is_named(setting, says):
    with pytest.raises(ValueError, match="--recordings: ") as caught:
        PlannedRecordings.parse(setting)
    assert says in str(caught.value)
    assert "hush" not in str(caught.value)
