"""A file that is bounded, and gone afterwards."""

import hashlib
import tempfile

import pytest

from gateway.files.refusal import FileRefused
from gateway.files.spool import Spool


def test_what_is_written_can_be_read():
    spool = Spool(10)
    spool.write(b"hello ")
    spool.write(b"you")
    spool.file.seek(0)
    assert spool.file.read() == b"hello you"
    assert spool.size == 9
    assert spool.sha256 == hashlib.sha256(b"hello you").hexdigest()
    spool.close()
    assert spool.file.closed


def test_too_many_bytes_are_refused():
    spool = Spool(10)
    spool.write(bytes(10))
    with pytest.raises(FileRefused) as refused:
        spool.write(b"x")
    assert (refused.value.status, refused.value.code) == (413, "file_too_large")
    spool.close()


def test_a_size_that_is_told_is_checked_before_anything_comes():
    spool = Spool(10)
    spool.expect(None)
    spool.expect(10)
    with pytest.raises(FileRefused):
        spool.expect(11)
    spool.close()


def test_a_full_disk_is_told():
    spool = Spool(10)
    spool.close()
    with open("/dev/full", "wb", buffering=0) as full:
        spool.file = full
        with pytest.raises(FileRefused) as refused:
            spool.write(b"x")
    assert (refused.value.status, refused.value.retry_after) == (503, 60)


def test_a_missing_directory_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(FileRefused) as refused:
        Spool(10)
    assert refused.value.code == "no_space"
