"""The ACL file and the passwords that it goes with."""

from hashlib import sha256

import pytest

from callscribe.commands import redis_acl
from common.bus import acl
from common.errors import SettingsError


def test_it_prints_every_user_and_makes_their_passwords(tmp_path, capsys):
    directory = tmp_path / "new" / "passwords"
    assert redis_acl.main([str(directory)]) == 0
    default, *users = capsys.readouterr().out.splitlines()
    assert default == acl.LOCKED
    names = [line.split()[1] for line in users]
    assert names == [
        *("gateway", "denoise", "vad", "asr", "align", "operator", "metrics"),
        *("admin", "replica", "sentinel"),
    ]
    assert directory.stat().st_mode & 0o777 == 0o700
    passwords = {path.name: path.read_text().strip() for path in directory.iterdir()}
    assert len(set(passwords.values())) == len(names)
    for line in users:
        _, name, on, digest, *_ = line.split()
        assert (directory / name).stat().st_mode & 0o777 == 0o600
        assert (on, digest) == ("on", f"#{sha256(passwords[name].encode()).hexdigest()}")


def test_passwords_that_are_there_stay(tmp_path, capsys):
    (tmp_path / "vad").write_text("open sesame\n")
    redis_acl.main([str(tmp_path)])
    first = capsys.readouterr().out
    assert f"#{sha256(b'open sesame').hexdigest()}" in first
    redis_acl.main([str(tmp_path)])
    assert capsys.readouterr().out == first


def test_what_is_wrong_with_the_directory_is_said(tmp_path):
    (tmp_path / "vad").write_text("\n")
    with pytest.raises(SettingsError, match=r"/vad is empty$"):
        redis_acl.main([str(tmp_path)])
    with pytest.raises(SettingsError, match=r"vad: Not a directory$|vad: File exists$"):
        redis_acl.main([str(tmp_path / "vad")])
