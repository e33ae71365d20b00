"""What tenants use, in a real Redis."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from prometheus_client import CollectorRegistry

from common.bus import keys
from gateway.access.meter import Meter, Used
from gateway.access.principal import Limits, Principal
from gateway.access.tenant_metrics import TenantMetrics

CALL = Used(session="s", tenant="acme", key="k", legs=2, audio=3_000, speech=0)


def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def meter(link, registry):
    return Meter(link, TenantMetrics.build(registry))


def holder(**limits: int) -> Principal:
    return Principal(caller="c", tenant="acme", key="k", limits=Limits(**limits))


async def used(meter, tenant="acme"):
    (day,) = await meter.usage(tenant, today(), 1)
    return day


async def test_what_is_told_twice_counts_once(meter):
    assert await meter.tell([CALL]) == {"k": 3_000}
    assert await meter.tell([CALL]) == {"k": 3_000}
    assert await meter.tell([replace(CALL, audio=5_000, speech=1_500)]) == {"k": 5_000}
    assert await meter.tell([replace(CALL, audio=4_000)]) == {"k": 5_000}, "an older gateway"
    day = {"day": today().isoformat(), "calls": 1, "legs": 2, "audio_s": 5.0, "speech_s": 1.5}
    assert await used(meter) == day


async def test_two_gateways_and_two_calls_add_up(link, meter):
    other = Meter(link, TenantMetrics.build(CollectorRegistry()))
    await meter.tell([CALL, replace(CALL, session="t", audio=1_000)])
    await other.tell([replace(CALL, audio=4_000)])
    assert (await used(other))["audio_s"] == 5.0
    assert (await used(other))["calls"] == 2


async def test_tenants_are_apart(meter):
    await meter.tell([CALL, replace(CALL, session="t", tenant="other", audio=1_000)])
    assert (await used(meter))["audio_s"] == 3.0
    assert (await used(meter, "other"))["audio_s"] == 1.0
    assert await meter.usage("third", today(), 1) == []


FIGURES = ("calls", "legs", "audio_seconds", "speech_seconds")


def counted(registry, tenant: str = "acme") -> list[float | None]:
    names = (f"callscribe_tenant_{figure}_total" for figure in FIGURES)
    return [registry.get_sample_value(name, {"tenant": tenant}) for name in names]


async def test_the_metrics_of_all_gateways_add_up_to_the_usage(link, meter, registry):
    later = CollectorRegistry()
    other = Meter(link, TenantMetrics.build(later))
    await meter.tell([replace(CALL, speech=1_000)])
    await meter.tell([replace(CALL, audio=4_500, speech=1_000)])
    assert counted(registry) == [1, 2, 4.5, 1]
    await other.tell([replace(CALL, audio=6_000, speech=2_500)])  # it has resumed the call
    await meter.tell([CALL])
    assert counted(registry) == [1, 2, 4.5, 1], "what is told twice counts once"
    assert counted(later) == [0, 0, 1.5, 1.5]
    day = await used(meter)
    assert [day[each] for each in ("calls", "legs", "audio_s", "speech_s")] == [1, 2, 6.0, 2.5]


async def test_a_call_without_a_key_is_its_tenants(meter, registry):
    assert await meter.tell([replace(CALL, key="")]) == {}
    assert counted(registry) == [1, 2, 3, 0]


async def test_a_key_without_audio_left_opens_no_call(meter):
    assert await meter.may_call(holder(audio_s=3), "a") is None
    await meter.tell([CALL])
    assert await meter.may_call(holder(audio_s=3), "b") == "key_audio"
    assert await meter.may_call(holder(audio_s=4), "c") is None
    assert await meter.may_call(holder(), "d") is None


async def test_a_key_opens_so_many_calls_a_minute(meter, monkeypatch):
    now = 60.0
    monkeypatch.setattr("time.time", lambda: now)
    told = [await meter.may_call(holder(calls=2), call) for call in "aabbc"]
    assert told == [None, None, None, None, "key_calls"], "who asks again is counted once"
    now = 120.0
    assert await meter.may_call(holder(calls=2), "c") is None


async def test_a_token_opens_one_call(meter):
    one, other = (replace(holder(), once=name) for name in ("a", "b"))
    assert await meter.may_call(one, "first") is None
    assert await meter.may_call(one, "first") is None, "an answer that was lost is asked for again"
    assert await meter.may_call(one, "second") == "spent_token"
    assert await meter.may_call(other, "second") is None


async def test_nothing_of_it_stays_for_ever(link, meter):
    await meter.tell([CALL])
    await meter.may_call(replace(holder(calls=1), once="a"), "s")
    day = today().isoformat()
    for key in (keys.usage("acme", day), keys.counted("acme", "s"), keys.spent("a")):
        assert await link.call("TTL", key) > 0


async def test_a_call_that_was_refused_gives_its_token_and_its_count_back(meter):
    who = replace(holder(calls=1), once="token")
    assert await meter.may_call(who, "first") is None
    await meter.forgo(who, "first")
    assert await meter.may_call(who, "second") is None
    assert await meter.may_call(who, "third") == "spent_token"
    await meter.forgo(who, "third")
    assert await meter.may_call(replace(who, once=""), "fourth") == "key_calls"
    await meter.forgo(who, "fourth")
    assert await meter.may_call(replace(who, once=""), "fifth") == "key_calls"


@pytest.mark.parametrize("first", [0, 1])
async def test_of_two_that_ask_for_one_token_the_other_s_end_frees_nothing(meter, first):
    who = replace(holder(), once="token")
    sessions = ["a", "b"]
    assert await meter.may_call(who, sessions[first]) is None
    assert await meter.may_call(who, sessions[1 - first]) == "spent_token"
    await meter.forgo(who, sessions[1 - first])
    assert await meter.may_call(who, "c") == "spent_token"


async def test_calls_that_ask_again_by_turns_count_once_each(meter):
    """Two retries, while Redis comes and goes, each count once."""
    for _ in range(5):
        assert await meter.may_call(holder(calls=2), "a") is None
        assert await meter.may_call(holder(calls=2), "b") is None
    assert await meter.may_call(holder(calls=2), "c") == "key_calls"


async def test_what_was_asked_for_is_no_call_yet(meter, registry):
    await meter.may_call(holder(calls=2), "s")
    assert await meter.tell([CALL]) == {"k": 3_000}
    assert counted(registry) == [1, 2, 3, 0]
