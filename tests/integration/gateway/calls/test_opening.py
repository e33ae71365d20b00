"""What the opening of a call leaves in Redis."""

from dataclasses import replace
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from common.pipeline.stages import PIPELINE
from common.redis.link import Link
from gateway.access.meter import Meter
from gateway.access.principal import Limits, Principal
from gateway.access.tenant_metrics import TenantMetrics
from gateway.admission.capacity import Capacity
from gateway.admission.workers import Workers
from gateway.calls.opening import Openings, Refused
from gateway.calls.store import SessionStore
from gateway.calls.table import Calls
from gateway.record import ResumeToken
from gateway.webhooks.rules import WebhookRules
from tests.integration.gateway.feeding import RECORD

ASKED = replace(RECORD, tenant="acme")


async def test_a_call_without_room_uses_up_no_token_and_none_of_its_keys_calls(link: Link):
    meter = Meter(link, TenantMetrics.build(CollectorRegistry()))
    openings = Openings(
        Workers(link, PIPELINE, Capacity(0.0)),
        SessionStore(link, "gw"),
        cast(Calls, None),
        connected=lambda: True,
        refusal=lambda: None,
        undenoised=False,
        webhook=WebhookRules().chosen,
        meter=meter,
    )
    who = Principal(caller="c", tenant="acme", key="k", limits=Limits(calls=1), once="a token")
    with pytest.raises(Refused, match=r"no .* worker is running"):
        await openings.register(ResumeToken.issue("first"), "owner", ASKED, who)
    assert await meter.may_call(who, "second") is None
    assert await meter.may_call(replace(who, once=""), "third") == "key_calls"
