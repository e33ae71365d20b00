"""Who is next, whatever waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.api import Priority
from asr_worker.places import Group, Places, Ticket
from tests.unit.asr_worker.gated import GatedEngine, request

tickets = st.lists(
    st.tuples(
        st.sampled_from(Priority),
        st.booleans(),
        st.floats(0, 60),
        st.floats(0, 30),
    ),
    min_size=1,
    max_size=12,
)


async def places(wanted: list[tuple[Priority, bool, float, float]]) -> Places:
    places = Places(GatedEngine(concurrency=2))
    for number, (priority, live, at, seconds) in enumerate(wanted):
        each = request(str(number), priority, seconds)
        places.waiting.append(Ticket(each, live, number, at, at))
    return places


@given(tickets)
async def test_the_most_important_is_next_and_live_before_recorded(wanted):
    queue = await places(wanted)
    first = queue.next(last_is_kept=False)
    assert isinstance(first, Ticket)
    assert first.request.priority == min(priority for priority, *_ in wanted)
    alike = [live for priority, live, *_ in wanted if priority is first.request.priority]
    assert first.live is any(alike)


@given(tickets)
async def test_nobody_waits_for_what_comes_a_second_later(wanted):
    """Of equal rank: the longest utterance of half a minute waits no longer than that."""
    queue = await places([(Priority.FINAL, True, at, seconds) for _, _, at, seconds in wanted])
    first = queue.next(last_is_kept=False)
    assert isinstance(first, Ticket)
    assert first.submitted <= min(at for _, _, at, _ in wanted) + 1.0


async def test_the_last_place_is_kept_from_partials_alone():
    queue = await places([(Priority.REFRESH, True, 0.0, 1.0)])
    (partial,) = queue.waiting
    assert queue.next(last_is_kept=True) is partial, "nothing runs"
    running = Ticket(request("running", Priority.FINAL), True, 7, 0.0, 0.0)
    queue.running.append(Group([running], 0.0))
    assert queue.next(last_is_kept=False) is partial
    assert queue.next(last_is_kept=True) is None
    queue.waiting.append(running)
    assert queue.next(last_is_kept=True) is running
    queue.running.append(Group([partial], 0.0))
    assert queue.next(last_is_kept=False) is None, "no place is free"


async def test_the_last_place_is_kept_for_live_calls():
    queue = await places([(Priority.FINAL, False, 0.0, 1.0), (Priority.REFRESH, True, 0.0, 1.0)])
    recorded, live = queue.waiting
    assert queue.next(last_is_kept=False, live_before=9.0) is recorded, "nothing runs"
    queue.waiting.remove(recorded)
    queue.running.append(Group([recorded], 0.0))
    queue.waiting.insert(0, Ticket(recorded.request, False, 7, 0.0, 0.0))
    assert queue.next(last_is_kept=False, live_before=9.0) is live
    assert queue.next(last_is_kept=False) is queue.waiting[0]
    queue.waiting.remove(live)
    assert queue.next(last_is_kept=False, live_before=9.0) is None


@pytest.mark.parametrize("number", [2, 3])
async def test_a_recording_waits_while_a_live_call_is_decoded_but_not_for_ever(number):
    queue = Places(GatedEngine(concurrency=number))
    live = Ticket(request("live", Priority.REFRESH), True, 0, 0.0, 0.0)
    recorded = Ticket(request("recorded", Priority.FINAL), False, 1, 5.0, 5.0)
    queue.running.append(Group([live], 0.0))
    queue.waiting.append(recorded)
    assert queue.next(last_is_kept=False, live_before=4.5) is None
    assert queue.next(last_is_kept=False, live_before=5.5) is recorded
    begun = Group([recorded], 5.0)
    queue.running.append(begun)
    assert queue.must_yield(begun)
    queue.running = [begun]
    queue.waiting = []
    assert not queue.must_yield(begun)


async def test_an_only_place_is_everybodys():
    queue = Places(GatedEngine(concurrency=1))
    recorded = Ticket(request("a", Priority.FINAL), False, 0, 0.0, 0.0)
    queue.waiting.append(recorded)
    assert queue.next(last_is_kept=True, live_before=9.0) is recorded
