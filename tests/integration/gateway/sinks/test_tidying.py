"""Files that are older than they are kept go, and nothing else does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.sinks import tidying
from gateway.sinks.bucket_address import BucketAddress
from gateway.sinks.folder import Folder
from gateway.sinks.storage import Storage
from gateway.sinks.tidying import tidied
from tests.integration.callscribe.processes import until_true

SUFFIXES = (".ndjson", ".part")


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tidy all the time."""
    monkeypatch.setattr(tidying, "_FIRST_S", 0.01)
    monkeypatch.setattr(tidying, "_EVERY_S", 0.01)


def day(ago: int) -> str:
    return (datetime.now(UTC) - timedelta(ago)).date().isoformat()


async def filled(storage: Storage) -> None:
    """Put files of several days there."""
    for ago in (0, 2, 8, 9):
        for name in ("s.ndjson", "s.0.000001.part", "s.flac"):
            await storage.write(day(ago), name, b"content")


async def test_a_folder_loses_its_files_of_old_days(tmp_path):
    folder = Folder(tmp_path)
    await filled(folder)
    (tmp_path / day(9) / "s.flac").unlink()
    (tmp_path / day(9) / "s.ndjson.1.begun").touch()  # by a gateway that died
    other = tmp_path / "2020"
    other.mkdir()
    (other / "theirs.ndjson").touch()
    async with tidied(folder, 7, SUFFIXES, print):
        await until_true(lambda: not (tmp_path / day(9)).exists() and not left(tmp_path, 8))
    assert [path.name for path in (tmp_path / day(8)).iterdir()] == ["s.flac"]
    assert len(left(tmp_path, 2)) == len(left(tmp_path, 0)) == 2
    assert [path.name for path in other.iterdir()] == ["theirs.ndjson"]


def left(folder: Path, ago: int) -> list[Path]:
    return [path for path in (folder / day(ago)).iterdir() if path.name.endswith(SUFFIXES)]


async def test_a_bucket_does_likewise(bucket_server):
    from gateway.sinks.bucket import Bucket  # its library is an extra

    bucket = Bucket(BucketAddress.parse(bucket_server.url))
    async with tidied(bucket, 7, SUFFIXES, print):
        await filled(bucket)
        gone = {f"live/results/{day(ago)}/s.ndjson" for ago in (8, 9)}
        await until_true(lambda: gone.isdisjoint(bucket_server.names()))
        await until_true(lambda: len(bucket_server.names()) == 8)
        await bucket.write("2020", "theirs.ndjson", b"content")
    assert f"live/results/{day(8)}/s.flac" in bucket_server.names()


async def test_nothing_goes_unless_one_asks_for_that(tmp_path):
    folder = Folder(tmp_path)
    await filled(folder)
    async with tidied(folder, None, SUFFIXES, print):
        assert len([*tmp_path.glob("*/*")]) == 12


async def test_what_cannot_be_removed_is_told(tmp_path):
    told: list[str] = []
    place = tmp_path / "file"
    place.touch()
    async with tidied(Folder(place), 7, SUFFIXES, lambda error: told.append(str(error))):
        await until_true(lambda: len(told) > 1)
    assert "Not a directory" in told[0]
