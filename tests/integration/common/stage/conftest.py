"""Workers of the toy stage, and proof that none of them died by itself."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.common.stage.toy import Fleet


@pytest.fixture
async def fleet(redis_url: str) -> AsyncIterator[Fleet]:
    """Workers on the shared server; emptied before, searched for leaked keys after."""
    fleet = Fleet(redis_url)
    yield fleet
    await fleet.end()
