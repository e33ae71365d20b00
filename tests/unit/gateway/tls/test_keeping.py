import os
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from common.errors import SettingsError
from gateway.tls.certificate import make
from gateway.tls.keeping import kept, read
from tests.certificates import identity

NAMES = ["localhost", "127.0.0.1"]


def test_it_is_made_once_and_only_its_owner_reads_the_key(tmp_path):
    directory = tmp_path / "a" / "b"
    first = kept(directory, NAMES)
    assert kept(directory, NAMES) == first == read(directory)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert modes["privkey.pem"] == 0o600
    assert modes["fullchain.pem"] & 0o600 == 0o600
    assert set(modes) == {"fullchain.pem", "privkey.pem", ".lock"}


def test_a_missing_name_is_added_to_the_former_ones(tmp_path):
    first = kept(tmp_path, NAMES)
    second = kept(tmp_path, ["localhost", "another"])
    assert second != first
    assert second.names == ["localhost", "another", "127.0.0.1"]
    assert kept(tmp_path, NAMES) == second


def test_it_is_renewed_before_it_ends(tmp_path):
    old = make(NAMES, datetime.now(UTC) - timedelta(days=340))
    (tmp_path / "fullchain.pem").write_bytes(old.pem)
    (tmp_path / "privkey.pem").write_bytes(old.key)
    assert kept(tmp_path, NAMES) != old


@pytest.mark.parametrize("left", ["nothing", "half a key", "another key"])
def test_what_a_crash_left_is_made_again(left, tmp_path):
    (tmp_path / "fullchain.pem").write_bytes(make(NAMES, datetime.now(UTC)).pem)
    if left != "nothing":
        whole = make(NAMES, datetime.now(UTC)).key
        key = whole if left == "another key" else whole[: len(whole) // 2]
        (tmp_path / "privkey.pem").write_bytes(key)
    (tmp_path / ".privkey.pem.new").write_bytes(b"half")
    assert kept(tmp_path, NAMES).serves(NAMES, datetime.now(UTC))


def test_the_certificate_of_another_is_not_replaced(tmp_path):
    other = identity(tmp_path, "other", "localhost")
    other.certfile.rename(tmp_path / "fullchain.pem")
    other.keyfile.rename(tmp_path / "privkey.pem")
    before = (tmp_path / "fullchain.pem").read_bytes()
    with pytest.raises(SettingsError, match=r"fullchain\.pem: callscribe did not make"):
        kept(tmp_path, NAMES)
    assert (tmp_path / "fullchain.pem").read_bytes() == before


def test_the_key_of_another_is_not_replaced(tmp_path):
    (tmp_path / "privkey.pem").write_bytes(b"precious")
    with pytest.raises(SettingsError, match=r"privkey\.pem: there is no fullchain\.pem beside"):
        kept(tmp_path, NAMES)
    assert (tmp_path / "privkey.pem").read_bytes() == b"precious"


def test_what_is_no_certificate_is_named(tmp_path):
    (tmp_path / "fullchain.pem").write_bytes(b"text")
    with pytest.raises(SettingsError, match=r"fullchain\.pem: it holds no PEM certificate"):
        kept(tmp_path, NAMES)


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"file/tls: not a directory"):
        kept(tmp_path / "file" / "tls", NAMES)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(SettingsError, match="permission denied"):
        kept(tmp_path, NAMES)


def test_processes_that_start_together_agree(tmp_path):
    program = (
        "import sys; from pathlib import Path; from gateway.tls.keeping import kept;"
        "print(kept(Path(sys.argv[1]), sys.argv[2:]).fingerprint)"
    )
    command = [sys.executable, "-c", program, str(tmp_path), *NAMES]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert {process.returncode for process in started} == {0}
    assert len(set(said)) == 1
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")
