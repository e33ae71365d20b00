import asyncio
import time

from gateway.turns import crowd
from gateway.turns.crowd import Crowd


class Member:
    def __init__(self, crowd: Crowd, turns: int, log: list[str], peer: str = "a") -> None:
        self.peer = peer
        self.aborted = False
        self._crowd, self._turns, self._log = crowd, turns, log

    def go_on(self) -> None:
        self._log.append(self.peer)
        end = time.perf_counter() + 0.001
        while time.perf_counter() < end:
            pass
        self._turns -= 1
        if self._turns:
            self._crowd.wait(self, 0.0)

    def abort(self) -> None:
        self.aborted = True


async def until_served(log: list[str], turns: int) -> int:
    rounds = 0
    async with asyncio.timeout(10):
        while len(log) < turns:
            rounds += 1
            await asyncio.sleep(0)
    return rounds


async def test_each_has_its_turn_and_others_are_served_in_between():
    everyone, log = Crowd(), list[str]()
    for name in "abcdefghij":
        everyone.wait(Member(everyone, 3, log, name), 0.0)
    rounds = await until_served(log, 30)
    assert sorted(log) == sorted("abcdefghij" * 3)
    assert set(log[:10]) == set("abcdefghij"), "in turn"
    assert rounds >= 9, "a few at a time"


async def test_a_turn_may_come_later():
    everyone, log = Crowd(), list[str]()
    everyone.wait(Member(everyone, 1, log, "late"), 0.02)
    everyone.wait(Member(everyone, 1, log, "now"), 0.0)
    await until_served(log, 2)
    assert log == ["now", "late"]


async def test_of_those_that_ask_for_nothing_the_client_with_the_most_goes_first(monkeypatch):
    monkeypatch.setattr(crowd, "_MOST_STRANGERS", 3)
    everyone = Crowd()
    members = [Member(everyone, 1, [], peer) for peer in "baaa"]
    for member in members:
        everyone.enter(member)
    assert [member.aborted for member in members] == [False, True, False, False]
    everyone.leave(members[2])
    everyone.enter(Member(everyone, 1, [], "c"))
    assert [member.aborted for member in members] == [False, True, False, False]
