"""What a call costs its key and token, as Redis answers; on a real one it is in integration."""

from dataclasses import replace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from common.redis.link import Link
from gateway.access.meter import Meter
from gateway.access.principal import anonymous
from gateway.access.tenant_metrics import TenantMetrics


class Spent:
    """Answers what a token was spent for before."""

    def __init__(self, by: bytes | None) -> None:
        self._by = by

    async def insist(self, asked: list[Any]) -> list[bytes | None]:
        assert [command[0] for command in asked] == ["SET"]
        return [self._by]


@pytest.mark.parametrize(
    ("by", "answer"), [(None, None), (b"this", None), (b"another", "spent_token")]
)
async def test_a_token_opens_one_call_however_often_that_is_asked(by, answer):
    meter = Meter(cast(Link, Spent(by)), TenantMetrics.build(CollectorRegistry()))
    who = replace(anonymous("192.0.2.1"), once="token")
    assert await meter.may_call(who, "this") == answer
