from collections.abc import Mapping
from typing import cast

import pytest
from prometheus_client import CollectorRegistry
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from common.telemetry.metrics import GatewayMetrics
from gateway.admission.capacity import Refusal
from gateway.admission.handshake import Handshakes, comes_back, path
from gateway.admission.quota import Quota, caller
from gateway.admission.workers import Workers


class StandInFleet:
    """Has room unless told otherwise; remembers who counts."""

    def __init__(self) -> None:
        self.full: Refusal | None = None
        self.counted: dict[object, int] = {}

    def refusal(self, legs: int) -> Refusal | None:
        return self.full

    def count(self, name: object, legs: int) -> None:
        self.counted[name] = legs

    def discount(self, name: object) -> None:
        self.counted.pop(name, None)


class StandInQuota:
    """Two calls of each key."""

    def __init__(self) -> None:
        self.held: dict[str, set[str]] = {}
        self.renewed: list[Mapping[str, list[str]]] = []

    async def take(self, key: str, call: str) -> Refusal | None:
        held = self.held.setdefault(key, set())
        if len(held) == 2:
            return Refusal("key_sessions", 5, "two are running")
        held.add(call)
        return None

    async def renew(self, calls: Mapping[str, list[str]]) -> None:
        self.renewed.append({key: sorted(each) for key, each in calls.items()})

    async def release(self, key: str, call: str) -> None:
        self.held[key].discard(call)


@pytest.fixture
def fleet() -> StandInFleet:
    return StandInFleet()


@pytest.fixture
def quota() -> StandInQuota:
    return StandInQuota()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def door(fleet: StandInFleet, registry: CollectorRegistry) -> Handshakes:
    metrics = GatewayMetrics.build(registry)
    return Handshakes(cast(Workers, fleet), metrics, most=3, quota=None)


@pytest.fixture
def counting(fleet: StandInFleet, quota: StandInQuota, registry: CollectorRegistry) -> Handshakes:
    metrics = GatewayMetrics.build(registry)
    return Handshakes(cast(Workers, fleet), metrics, most=99, quota=cast(Quota, quota))


KEY = caller(Headers(), "192.0.2.1")
IN = Response(101, "let in", Headers())
"""Stands for no answer of the door's own."""


def knock(
    door: Handshakes, call: str = "a", path: str = "/ws/asr", present: int = 0, key: str = KEY
) -> Response:
    answer = door.answer(call, Request(path, Headers()), key, present)
    assert answer is None or isinstance(answer, Response)
    return answer or IN


async def ask(door: Handshakes, call: str, path: str = "/ws/asr", **headers: str) -> Response:
    key = caller(Headers(headers), "192.0.2.1")
    answer = door.answer(call, Request(path, Headers(headers)), key, 0)
    return (answer if answer is None or isinstance(answer, Response) else await answer) or IN


@pytest.mark.parametrize(
    ("target", "asked_for", "returning"),
    [
        ("/ws/asr", "/ws/asr", False),
        ("/ws/asr?resume=1", "/ws/asr", True),
        ("/ws/asr?a=b&resume=1", "/ws/asr", True),
        ("/ws/asr?resume=10", "/ws/asr", False),
        ("/resume=1", "/resume=1", False),
        ("//[", "//[", False),
    ],
)
def test_a_request_says_what_it_is_for(target, asked_for, returning):
    request = Request(target, Headers())
    assert (path(request), comes_back(request)) == (asked_for, returning)


def refusals(registry: CollectorRegistry, reason: str) -> float | None:
    return registry.get_sample_value("callscribe_refusals_total", {"reason": reason})


def test_a_call_that_is_let_in_counts_at_once(door, fleet):
    assert knock(door) is IN
    assert fleet.counted == {"a": 1}


def test_who_is_refused_is_told_why_and_when_to_come_again(door, fleet, registry):
    fleet.full = Refusal("asr_load", 7, "too much")
    answer = knock(door)
    assert (answer.status_code, answer.reason_phrase) == (503, "Service Unavailable")
    assert answer.body == b"refused: asr_load\n"
    assert answer.headers["Retry-After"] == "7"
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert refusals(registry, "asr_load") == 1
    assert fleet.counted == {}


def test_a_gateway_takes_so_many_and_no_more(door):
    assert knock(door, present=2) is IN
    assert knock(door, present=3).body == b"refused: max_sessions\n"


def test_who_comes_back_to_a_call_has_his_place(door, fleet):
    fleet.full = Refusal("asr_load", 7, "too much")
    assert knock(door, path="/ws/asr?resume=1", present=99) is IN
    assert knock(door, path="/ws/asr?x=y&resume=1", present=99) is IN
    assert knock(door, path="/ws/asr?resume=11") is not IN
    assert fleet.counted == {}


def test_who_drains_lets_nobody_in(door):
    door.close()
    assert knock(door).body == b"refused: draining\n"
    assert knock(door, path="/ws/asr?resume=1").status_code == 503


def test_a_key_that_knocks_all_the_time_is_told_to_wait_and_others_are_not(door, registry):
    answers = [knock(door, f"a{n}", path="/ws/asr?resume=1") for n in range(501)]
    assert answers[:500] == [IN] * 500
    assert (answers[500].status_code, answers[500].body) == (429, b"refused: key_rate\n")
    assert answers[500].headers["Retry-After"] == "1"
    assert refusals(registry, "key_rate") == 1
    assert knock(door, "b", key="another") is IN


def spare(
    fleet: StandInFleet, registry: CollectorRegistry, freed: list[str], more: bool
) -> Handshakes:
    def free(what: str) -> bool:
        freed.append(what)
        return more

    return Handshakes(
        cast(Workers, fleet),
        GatewayMetrics.build(registry),
        most=3,
        quota=None,
        free_connection=lambda: free("connection"),
        free_call=lambda: free("call"),
    )


def test_where_all_calls_are_taken_a_connection_without_one_makes_room(fleet, registry):
    freed: list[str] = []
    assert knock(spare(fleet, registry, freed, True), present=3) is IN
    assert freed == ["connection"]


def test_without_such_a_connection_the_gateway_stays_full(fleet, registry):
    freed: list[str] = []
    assert knock(spare(fleet, registry, freed, False), present=3).status_code == 503
    assert freed == ["connection"]


@pytest.mark.parametrize(
    ("reason", "freed", "wait"),
    [("vad_slots", ["call"], "2"), ("asr_load", ["call"], "2"), ("redis_memory", [], "7")],
)
def test_where_places_are_short_a_call_without_a_client_makes_room(
    fleet, registry, reason, freed, wait
):
    fleet.full = Refusal(reason, 7, "too much")
    gone: list[str] = []
    answer = knock(spare(fleet, registry, gone, True))
    assert (gone, answer.headers["Retry-After"]) == (freed, wait)


async def test_a_key_with_too_many_calls_is_its_own_fault(counting, fleet, registry):
    assert await ask(counting, "a") is IN
    assert await ask(counting, "b") is IN
    answer = await ask(counting, "c")
    assert (answer.status_code, answer.body) == (429, b"refused: key_sessions\n")
    assert refusals(registry, "key_sessions") == 1
    assert fleet.counted == {"a": 1, "b": 1}
    assert await ask(counting, "d", **{"X-Api-Key": "another"}) is IN


async def test_a_call_that_ends_makes_room_for_its_key(counting, fleet):
    await ask(counting, "a")
    await ask(counting, "b")
    await counting.leave("a")
    await counting.leave("a")
    assert await ask(counting, "c") is IN
    assert fleet.counted == {"b": 1, "c": 1}


async def test_running_calls_are_renewed_by_key_and_nobody_elses(counting, quota):
    await ask(counting, "a")
    await ask(counting, "b")
    await ask(counting, "c", **{"X-Api-Key": "k"})
    await ask(counting, "gone")
    await counting.renew(["a", "b", "c", "an orphan's"])
    mine, other = caller(Headers(), "192.0.2.1"), caller(Headers({"X-Api-Key": "k"}), "")
    assert quota.renewed == [{mine: ["a", "b"], other: ["c"]}]


async def test_a_resumed_call_counts_for_who_resumed_it(counting, quota):
    assert await ask(counting, "connection", "/ws/asr?resume=1") is IN
    counting.rename("connection", "call")
    await counting.renew(["call"])
    assert quota.renewed == [{caller(Headers(), "192.0.2.1"): ["call"]}]


async def test_a_handshake_that_came_to_nothing_is_forgotten(counting, quota):
    await ask(counting, "broken off")
    await counting.renew([])
    await counting.renew([])
    await counting.renew(["broken off"])
    assert quota.renewed == [{}, {}, {}]


async def test_without_a_limit_redis_is_not_asked(door):
    await door.renew(["a"])
    await door.leave("a")
    door.rename("a", "b")
