import asyncio
from typing import Any

import hiredis
import pytest

from common.errors import BusUnavailable
from common.redis.link import CommandRefused
from common.stage.retries import Retries


def refused(text):
    return CommandRefused(("XREADGROUP",), hiredis.ReplyError(text))


AWAY = BusUnavailable("no Redis at 127.0.0.1:6379")
NO_GROUP = refused("NOGROUP No such key 'cs:v2:{toy}:work'")
LOADING = refused("LOADING Redis is loading the dataset in memory")
DENIED = refused("NOPERM this user has no permissions")


class Redis:
    """A link whose connection comes back when it is waited for."""

    def __init__(self):
        self.waited = 0

    async def wait_connected(self):
        self.waited += 1


class Group:
    """A stage's work items; making their consumer group meets `troubles` first."""

    def __init__(self, *troubles):
        self.troubles = [*troubles]
        self.prepared = 0

    async def prepare(self):
        if self.troubles:
            raise self.troubles.pop(0)
        self.prepared += 1


@pytest.fixture
def pauses(monkeypatch):
    """The seconds that were slept."""
    slept: list[float] = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


async def waited(trouble, group, link=None):
    """Wait with renewals' link, and with `link` for the command; return the former."""
    renewals: Any = Redis()
    await Retries(renewals, group, 0.5).wait(link or renewals, trouble)
    return renewals


async def test_while_redis_is_away_the_link_of_the_command_is_waited_for(pauses):
    link = Redis()
    renewals = await waited(AWAY, Group(), link)
    assert (link.waited, renewals.waited, pauses) == (1, 0, [])


async def test_a_temporary_refusal_costs_a_pause(pauses):
    group = Group()
    await waited(LOADING, group)
    assert (pauses, group.prepared) == ([0.5], 0)


async def test_a_refusal_that_lasts_is_raised(pauses):
    with pytest.raises(CommandRefused, match="NOPERM"):
        await waited(DENIED, Group())
    assert pauses == []


async def test_a_lost_group_is_made_again(pauses):
    group = Group()
    await waited(NO_GROUP, group)
    assert (pauses, group.prepared) == ([0.5], 1)


@pytest.mark.parametrize(
    ("troubles", "pauses_in_all", "waits"),
    [([AWAY], 1, 1), ([LOADING], 2, 0), ([NO_GROUP, NO_GROUP], 3, 0)],
)
async def test_making_the_group_again_may_meet_trouble_too(pauses, troubles, pauses_in_all, waits):
    group = Group(*troubles)
    renewals = await waited(NO_GROUP, group, Redis())
    assert (len(pauses), renewals.waited) == (pauses_in_all, waits)


async def test_a_right_that_is_missing_for_the_group_is_raised(pauses):
    with pytest.raises(CommandRefused, match="NOPERM"):
        await waited(NO_GROUP, Group(DENIED))


async def test_what_is_insisted_on_waits_for_redis(pauses):
    renewals: Any = Redis()
    group: Any = Group(AWAY, LOADING)
    await Retries(renewals, group, 0.5).insist(group.prepare)
    assert (renewals.waited, pauses, group.prepared) == (1, [0.5], 1)
