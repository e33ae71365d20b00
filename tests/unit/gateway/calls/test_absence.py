import asyncio

from gateway.calls.absence import Absence
from gateway.standby import Standby


def absences(*callers: str) -> tuple[Standby[Absence], list[Absence], list[int]]:
    others: Standby[Absence] = Standby()
    over: list[int] = []
    made = [
        Absence(others, caller, lambda n=number: over.append(n))  # type: ignore[misc]
        for number, caller in enumerate(callers)
    ]
    return others, made, over


async def test_a_client_that_stays_away_ends_its_call_once():
    others, (absence,), over = absences("a")
    assert absence.begin(0.001, 9)
    assert not absence.begin(0.001, 9)
    async with asyncio.timeout(5):
        while not over:
            await asyncio.sleep(0.001)
    assert over == [0]
    assert len(others) == 0


async def test_a_client_that_is_back_is_waited_for_no_more():
    others, (absence,), over = absences("a")
    absence.begin(0.001, 9)
    absence.close()
    await asyncio.sleep(0.01)
    assert over == []
    assert len(others) == 0


async def test_beyond_what_a_client_may_have_its_oldest_call_is_over():
    others, made, over = absences("a", "b", "a", "a")
    for absence in made:
        absence.begin(60.0, 2)
    assert over == [0]
    assert others.first_to_go() is made[2]
    for absence in made:
        absence.close()


async def test_with_none_allowed_each_is_over_immediately():
    _, (absence,), over = absences("a")
    absence.begin(60.0, 0)
    assert over == [0]
