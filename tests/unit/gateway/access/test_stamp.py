import os

from gateway.access.stamp import stamp


def test_a_stamp_changes_with_its_file(tmp_path):
    path = tmp_path / "file"
    assert stamp(path) is None
    path.write_text("one")
    first = stamp(path)
    assert first == stamp(path)
    os.utime(path, ns=(1, 1))
    second = stamp(path)
    assert second != first
    path.write_text("longer")
    os.utime(path, ns=(1, 1))
    assert stamp(path) != second
