"""The figure in an environment file."""

import os
import stat

import pytest

from callscribe.prove import apply
from common.errors import SettingsError


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "CALLSCRIBE_ASR_LEGS=12\n"),
        ("A=1", "A=1\nCALLSCRIBE_ASR_LEGS=12\n"),
        ("CALLSCRIBE_ASR_LEGS=9\nB=2\n", "CALLSCRIBE_ASR_LEGS=12\nB=2\n"),
        ("  export CALLSCRIBE_ASR_LEGS = 9\n", "CALLSCRIBE_ASR_LEGS=12\n"),
        ("CALLSCRIBE_ASR_LEGS=1\nA=1\nCALLSCRIBE_ASR_LEGS=2\n", "CALLSCRIBE_ASR_LEGS=12\nA=1\n"),
        (
            "# CALLSCRIBE_ASR_LEGS=9\nCALLSCRIBE_ASR_LEGS_X=1\n",
            "# CALLSCRIBE_ASR_LEGS=9\nCALLSCRIBE_ASR_LEGS_X=1\nCALLSCRIBE_ASR_LEGS=12\n",
        ),
    ],
)
def test_the_setting_is_there_once_and_the_rest_as_before(before, after):
    assert apply.with_legs(before, 12) == after
    assert apply.with_legs(after, 12) == after


def test_a_file_keeps_its_mode(tmp_path):
    file = tmp_path / "callscribe.env"
    file.write_text("SECRET=1\n")
    file.chmod(0o600)
    apply.check(file)
    apply.write(file, 7)
    assert file.read_text() == "SECRET=1\nCALLSCRIBE_ASR_LEGS=7\n"
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600


def test_a_missing_file_is_made(tmp_path):
    file = tmp_path / "new.env"
    apply.check(file)
    assert not file.exists()
    apply.write(file, 7)
    assert file.read_text() == "CALLSCRIBE_ASR_LEGS=7\n"


def test_what_cannot_be_used_is_said_before_the_proof(tmp_path):
    with pytest.raises(SettingsError, match="there is no folder"):
        apply.check(tmp_path / "no" / "a.env")
    with pytest.raises(SettingsError, match="cannot be used"):
        apply.check(tmp_path)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(SettingsError, match="cannot be used"):
        apply.check(binary)
