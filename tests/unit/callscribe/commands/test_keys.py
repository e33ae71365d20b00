"""`callscribe keys` on a file; tests/integration/gateway/access has it on Redis."""

import json
import stat
import time

import pytest

from callscribe.cli import main
from common.pipeline.access import digest
from gateway.access.keyring import read_file


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.json"


@pytest.fixture
def keys(file, capsys):
    def run(*arguments, code=0):
        assert main(["keys", *arguments, "--file", str(file)]) == code
        said = capsys.readouterr()
        return said.err.strip() if code else said.out.strip()

    return run


def test_a_key_is_printed_once_and_kept_as_a_digest(keys, file):
    key = keys("create", "--tenant", "acme", "--name", "desk", "--sessions", "3", "--days", "2")
    (record,) = read_file(file).values()
    assert (record.digest, record.id) == (digest(key), key[3:11])
    assert (record.tenant, record.name, record.sessions) == ("acme", "desk", 3)
    assert record.scopes == ("transcribe", "read")
    assert record.expires == pytest.approx(time.time() + 2 * 86_400, abs=60)
    assert key not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_changed_file_stays_readable_for_those_who_read_it(keys, file):
    key = keys("create", "--tenant", "acme")
    file.chmod(0o640)
    before = file.stat()
    keys("revoke", key[3:11])
    after = file.stat()
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)


def test_a_file_whose_owner_cannot_be_kept_is_not_changed(keys, file, monkeypatch):
    key = keys("create", "--tenant", "acme")
    text = file.read_text()

    def refuse(*arguments):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.chown", refuse)
    assert "Operation not permitted" in keys("revoke", key[3:11], code=2)
    assert file.read_text() == text
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_the_list_tells_what_became_of_each(keys, file):
    one = keys("create", "--tenant", "acme", "--scope", "read")
    other = keys("create", "--tenant", "bank", "--scope", "admin")
    keys("revoke", other[3:11])
    lines = keys("list").splitlines()
    assert [line.split()[:2] for line in lines] == [
        [one[3:11], "valid"],
        [other[3:11], "revoked"],
    ]
    assert keys("list", "--tenant", "bank").split()[0] == other[3:11]
    assert json.loads(keys("list", "--json")) == json.loads(file.read_text())
    assert one not in keys("list")


def test_a_rotated_key_has_the_same_terms_and_the_old_one_ends_later(keys, file):
    old = keys("create", "--tenant", "acme", "--scope", "read", "--calls", "9")
    fresh = keys("rotate", old[3:11], "--grace-s", "60")
    records = read_file(file)
    before, after = records[old[3:11]], records[fresh[3:11]]
    assert before.expires == pytest.approx(time.time() + 60, abs=30)
    assert (after.tenant, after.scopes, after.calls, after.expires) == ("acme", ("read",), 9, 0)


def test_who_is_over_is_not_rotated(keys):
    key = keys("create", "--tenant", "acme")
    keys("revoke", key[3:11])
    assert "is revoked: make a new key" in keys("rotate", key[3:11], code=2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "--tenant", "A"), "a tenant's name has"),
        (("create",), "--tenant"),
        (("create", "--tenant", "a", "--scope", "fly"), "fly"),
        (("create", "--tenant", "a", "--days", "-1"), "--days: '-1' is not a whole number of 0"),
        (("create", "--tenant", "a", "--days", "x"), "--days: 'x' is not a whole number of 0"),
        (("revoke", "nobody"), "there is no key 'nobody'"),
        (("rotate", "nobody"), "there is no key 'nobody'"),
    ],
)
def test_a_mistake_is_told(keys, arguments, said):
    assert said in keys(*arguments, code=2)


def test_a_file_of_no_use_is_named_and_left_as_it_is(keys, file):
    file.write_text("[1")
    assert f"--file: {file}" in keys("create", "--tenant", "a", code=2)
    assert file.read_text() == "[1"
