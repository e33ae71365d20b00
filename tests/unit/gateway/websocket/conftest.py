"""A session that notes what its connection tells it."""

import pytest

from tests.unit.gateway.websocket.serving import Session


@pytest.fixture
def session() -> Session:
    return Session()
