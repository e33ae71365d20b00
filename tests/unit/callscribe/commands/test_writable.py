import os

import pytest

from callscribe.commands.writable import check_writable
from common.errors import SettingsError


@pytest.mark.parametrize("there", [True, False])
def test_every_target_must_be_writable_and_is_left_as_it_is(tmp_path, monkeypatch, there):
    file = tmp_path / "proof.png"
    if there:
        file.write_bytes(b"before")
    check_writable("--plot", file)
    assert file.exists() == there
    assert not there or file.read_bytes() == b"before"
    # Root may write everywhere, so the answer is made up.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    if not there:
        with pytest.raises(SettingsError, match=f"--plot: no file can be made in {tmp_path}"):
            check_writable("--plot", file)
    with pytest.raises(SettingsError, match=r"--json: .* cannot be used"):
        check_writable("--json", tmp_path)
