import time
from collections.abc import Mapping
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from common.telemetry.metrics import GatewayMetrics
from gateway.access.principal import Principal, anonymous
from gateway.admission.capacity import Refusal
from gateway.admission.handshake import Handshakes
from gateway.admission.quota import Quota
from gateway.admission.workers import Workers


class StandInWorkers:
    """Has room unless told otherwise; remembers which calls count."""

    def __init__(self) -> None:
        self.full: Refusal | None = None
        self.most = 1000
        self.reserved: dict[object, int] = {}

    def refusal(self, legs: int, *, silent: int) -> Refusal | None:
        return self.full or (Refusal("asr_load", 5, "") if legs + silent > self.most else None)

    def reserve(self, name: object, legs: int) -> None:
        self.reserved[name] = legs

    def withdraw(self, name: object) -> None:
        self.reserved.pop(name, None)


class StandInQuota:
    """Two calls of each key."""

    def __init__(self) -> None:
        self.held: dict[str, set[str]] = {}
        self.renewed: list[Mapping[str, list[str]]] = []

    async def reserve(self, key: str, call: str, most: int) -> Refusal | None:
        held = self.held.setdefault(key, set())
        if len(held) == most:
            return Refusal("key_sessions", 5, "two are running")
        held.add(call)
        return None

    async def renew(self, calls: Mapping[str, list[str]]) -> None:
        self.renewed.append({key: sorted(each) for key, each in calls.items()})

    async def release(self, key: str, call: str) -> None:
        self.held[key].discard(call)

    release_soon = release


@pytest.fixture
def workers() -> StandInWorkers:
    return StandInWorkers()


@pytest.fixture
def quota() -> StandInQuota:
    return StandInQuota()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def handshakes(
    workers: StandInWorkers, quota: StandInQuota, registry: CollectorRegistry
) -> Handshakes:
    metrics = GatewayMetrics.build(registry)
    counts = cast(Quota, quota)
    return Handshakes(cast(Workers, workers), metrics, most=3, most_of_one=0, quota=counts)


@pytest.fixture
def counting(
    workers: StandInWorkers, quota: StandInQuota, registry: CollectorRegistry
) -> Handshakes:
    metrics = GatewayMetrics.build(registry)
    counts = cast(Quota, quota)
    return Handshakes(cast(Workers, workers), metrics, most=99, most_of_one=2, quota=counts)


SOMEBODY = anonymous("192.0.2.1")
ANOTHER = anonymous("192.0.2.1", "another")
SILENT = f"silent for {SOMEBODY.caller}"
KEY, OTHER = SOMEBODY.caller, ANOTHER.caller


def attempt(
    handshakes: Handshakes,
    call: str = "a",
    *,
    returning: bool = False,
    present: int = 0,
    who: Principal = SOMEBODY,
) -> Refusal | None:
    answer = handshakes.ask(call, who, present, returning=returning)
    assert answer is None or isinstance(answer, Refusal)
    return answer


async def ask(
    handshakes: Handshakes, call: str, who: Principal = SOMEBODY, *, returning: bool = False
) -> Refusal | None:
    answer = handshakes.ask(call, who, 0, returning=returning)
    return answer if answer is None or isinstance(answer, Refusal) else await answer


def reason(refusal: Refusal | None) -> str | None:
    return None if refusal is None else refusal.reason


def refusals(registry: CollectorRegistry, reason: str) -> float | None:
    return registry.get_sample_value("callscribe_refusals_total", {"reason": reason})


def test_a_call_that_is_let_in_counts_at_once(handshakes, workers):
    assert attempt(handshakes) is None
    assert workers.reserved == {"a": 1}


def test_a_refusal_is_counted_by_its_reason(handshakes, workers, registry):
    workers.full = Refusal("asr_load", 7, "too much")
    assert attempt(handshakes) is workers.full
    assert refusals(registry, "asr_load") == 1
    assert workers.reserved == {}


def test_a_gateway_takes_so_many_and_no_more(handshakes):
    assert attempt(handshakes, present=2) is None
    assert reason(attempt(handshakes, present=3)) == "max_sessions"


def test_who_comes_back_to_a_call_has_his_place(handshakes, workers):
    workers.full = Refusal("asr_load", 7, "too much")
    assert attempt(handshakes, returning=True, present=99) is None
    assert attempt(handshakes) is not None
    assert workers.reserved == {}


def test_who_drains_lets_nobody_in(handshakes):
    handshakes.close()
    assert reason(attempt(handshakes)) == "draining"
    assert reason(attempt(handshakes, returning=True)) == "draining"


def test_a_key_that_tries_all_the_time_is_told_to_wait_and_others_are_not(
    handshakes, registry, monkeypatch
):
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)  # all of them in one moment
    answers = [attempt(handshakes, f"a{n}", returning=True) for n in range(501)]
    assert answers[:500] == [None] * 500
    refusal = answers[500]
    assert refusal is not None
    assert (refusal.reason, refusal.retry_after) == ("key_rate", 1)
    assert refusals(registry, "key_rate") == 1
    assert attempt(handshakes, "b", who=ANOTHER) is None


def spare(
    workers: StandInWorkers,
    registry: CollectorRegistry,
    freed: list[str],
    more: bool = False,
    *,
    only: str = "",
) -> Handshakes:
    """Handshakes that note what is asked to make room: everything can (`more`), or `only` one."""

    def free(what: str) -> bool:
        freed.append(what)
        return more or what == only

    return Handshakes(
        cast(Workers, workers),
        GatewayMetrics.build(registry),
        most=3,
        most_of_one=0,
        quota=cast(Quota, StandInQuota()),
        free_connection=lambda caller: free(f"connection for {caller}"),
        free_call=lambda: free("call"),
        free_silent=lambda caller: free(f"silent for {caller}"),
        quiet=lambda caller: 2 if caller == SOMEBODY.caller else 0,
    )


def test_where_all_calls_are_taken_a_connection_without_one_makes_room(workers, registry):
    freed: list[str] = []
    assert attempt(spare(workers, registry, freed, True), present=3) is None
    assert freed == [f"connection for {SOMEBODY.caller}"]


def test_without_such_a_connection_the_gateway_stays_full(workers, registry):
    freed: list[str] = []
    refusal = attempt(spare(workers, registry, freed, False), present=3)
    assert refusal is not None
    assert (refusal.reason, refusal.retry_after) == ("max_sessions", 5)
    assert freed == [f"connection for {SOMEBODY.caller}", SILENT]


def test_a_silent_call_of_another_client_makes_room_where_all_calls_are_taken(workers, registry):
    refusal = attempt(spare(workers, registry, [], only=SILENT), present=3)
    assert refusal is not None
    assert (refusal.reason, refusal.retry_after) == ("max_sessions", 2)


@pytest.mark.parametrize(("reason", "wait"), [("vad_slots", 2), ("asr_load", 7)])
def test_a_silent_call_makes_room_where_it_holds_some(workers, registry, reason, wait):
    workers.full = Refusal(reason, 7, "too much")
    refusal = attempt(spare(workers, registry, [], only=SILENT))
    assert refusal is not None
    assert refusal.retry_after == wait


def test_legs_that_say_nothing_count_for_their_own_client_alone(workers, registry):
    workers.most = 2
    handshakes = spare(workers, registry, [])
    assert reason(attempt(handshakes)) == "asr_load"
    assert attempt(handshakes, who=ANOTHER) is None


@pytest.mark.parametrize(
    ("reason", "freed", "wait"),
    [("vad_slots", ["call"], 2), ("asr_load", ["call"], 2), ("redis_memory", [], 7)],
)
def test_where_places_are_short_a_call_without_a_client_makes_room(
    workers, registry, reason, freed, wait
):
    workers.full = Refusal(reason, 7, "too much")
    gone: list[str] = []
    answer = attempt(spare(workers, registry, gone, True))
    assert answer is not None
    assert (gone, answer.retry_after) == (freed, wait)


async def test_a_key_with_too_many_calls_is_its_own_fault(counting, workers, registry):
    assert await ask(counting, "a") is None
    assert await ask(counting, "b") is None
    assert reason(await ask(counting, "c")) == "key_sessions"
    assert refusals(registry, "key_sessions") == 1
    assert workers.reserved == {"a": 1, "b": 1}
    assert await ask(counting, "d", ANOTHER) is None


async def test_a_call_that_ends_makes_room_for_its_key(counting, workers):
    await ask(counting, "a")
    await ask(counting, "b")
    await counting.leave("a")
    await counting.leave("a")
    assert await ask(counting, "c") is None
    assert workers.reserved == {"b": 1, "c": 1}


async def test_a_call_whose_client_says_late_who_it_is_counts_for_that(counting, quota):
    await ask(counting, "a")
    assert await counting.recount("a", ANOTHER) is None
    assert quota.held == {KEY: set(), OTHER: {"a"}}
    await counting.leave("a")
    assert quota.held == {KEY: set(), OTHER: set()}


async def test_a_call_that_counts_already_keeps_its_place(counting, quota):
    await ask(counting, "a")
    await ask(counting, "b")
    assert await counting.recount("b", SOMEBODY) is None, "nobody took its place meanwhile"
    assert quota.held == {KEY: {"a", "b"}}


async def test_a_call_too_many_of_who_it_is_gives_up_the_place_that_it_had(counting, quota):
    for call in ("a", "b"):
        await ask(counting, call, ANOTHER)
    await ask(counting, "c")
    assert reason(await counting.recount("c", ANOTHER)) == "key_sessions"
    await counting.leave("c")
    assert quota.held == {KEY: set(), OTHER: {"a", "b"}}


async def test_running_calls_are_renewed_by_key_and_nobody_elses(counting, quota):
    await ask(counting, "a")
    await ask(counting, "b")
    await ask(counting, "c", ANOTHER)
    await ask(counting, "gone")
    await counting.renew(["a", "b", "c", "an orphan's"])
    assert quota.renewed == [{KEY: ["a", "b"], OTHER: ["c"]}]


async def test_a_resumed_call_counts_for_who_resumed_it(counting, quota):
    assert await ask(counting, "connection", returning=True) is None
    counting.rename("connection", "call")
    await counting.renew(["call"])
    assert quota.renewed == [{KEY: ["call"]}]


async def test_a_handshake_that_came_to_nothing_is_forgotten(counting, quota):
    await ask(counting, "broken off")
    await counting.renew([])
    await counting.renew([])
    await counting.renew(["broken off"])
    assert quota.renewed == [{}, {}, {}]


async def test_without_a_limit_redis_is_not_asked(handshakes):
    await handshakes.renew(["a"])
    await handshakes.leave("a")
    handshakes.rename("a", "b")
