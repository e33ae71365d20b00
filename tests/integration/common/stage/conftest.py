"""Workers of the toy stage, and proof that none of them died by itself."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.common.stage.toy import ToyWorkers


@pytest.fixture
async def workers(redis_url: str) -> AsyncIterator[ToyWorkers]:
    """Workers on the shared server; emptied before, searched for leaked keys after."""
    workers = ToyWorkers(redis_url)
    yield workers
    await workers.end()
