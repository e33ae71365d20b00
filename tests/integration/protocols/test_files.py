"""A file has the same texts, times and remarks on every way, sample for sample."""

from collections.abc import Iterator

import pytest

from tests.files.compared import compared
from tests.files.recordings import RECORDINGS
from tests.integration.pipeline.resuming import gateway

USUAL = ("two-data", "float-nan", "inverted", "webm-live", "film", "empty")
"""Files on which the ways have differed."""


@pytest.fixture(scope="module")
def port(exact_redis: str) -> Iterator[int]:
    """A gateway to which a client may come back: a busy machine breaks connections."""
    with gateway(exact_redis) as running:
        yield running.port


async def check(port: int, *names: str) -> None:
    rows = await compared(port, [each for each in RECORDINGS if each.name in names])
    assert {row.recording.name for row in rows} == {*names}
    assert {row.recording.name: row.found for row in rows if row.differences} == {}


async def test_files_are_heard_alike_on_every_way(port: int):
    await check(port, *USUAL)


@pytest.mark.nightly
@pytest.mark.timeout(600)
async def test_all_kinds_of_files_are_heard_alike_on_every_way(port: int):
    await check(port, *(each.name for each in RECORDINGS))
