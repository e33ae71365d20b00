"""Commands: each has its key where it is sought, by which a cluster knows the node."""

import pytest

from common.bus import commands, keys
from common.bus.consumer import Consumer
from common.bus.keys import Leg
from common.redis.resp import encode, key_of

STREAM = Leg("s", 0).key("speech")
META = Leg("s", 0).meta
WORK_ITEMS = keys.work_items("vad")
WORKERS = keys.workers("vad")
CONSUMER = Consumer("vad", "me")


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (commands.unbroken(META), META),
        (commands.break_off(META), META),
        (commands.limit(STREAM), STREAM),
        (commands.remove(STREAM, META), STREAM),
        (commands.append(STREAM, b"1-1", b"a", b"x"), STREAM),
        (commands.append_event(STREAM, b"1-1", b"x", 7), STREAM),
        (commands.replace(STREAM, b"1-1", b"x"), STREAM),
        (commands.first(STREAM), STREAM),
        (commands.first_after(STREAM, b"1-1"), STREAM),
        (commands.last(STREAM), STREAM),
        (commands.facts(STREAM), STREAM),
        (commands.trim(STREAM, 7), STREAM),
        (commands.describe(META, session=b""), META),
        (commands.owner(META), META),
        (commands.strike("s"), keys.sessions()),
        (commands.forget_call("client", "s"), keys.calls("client")),
        (commands.heartbeat("vad", "me", b""), WORKERS),
        (commands.heartbeats("vad"), WORKERS),
        (commands.count_workers("vad"), WORKERS),
        (commands.forget_workers("vad", "me", b"you"), WORKERS),
        (commands.groups("vad"), WORK_ITEMS),
        (CONSUMER.create_group(), WORK_ITEMS),
        (CONSUMER.members(), WORK_ITEMS),
        (CONSUMER.expel(b"you"), WORK_ITEMS),
        (CONSUMER.read_own(), WORK_ITEMS),
        (CONSUMER.acknowledge([b"1-1"]), WORK_ITEMS),
        (CONSUMER.take_over(1, b"0-0", 3), WORK_ITEMS),
        (CONSUMER.age([b"1-1", b"1-2"], 10), WORK_ITEMS),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else "",
)
def test_a_command_has_its_key_where_it_is_sought(command, key):
    assert key_of(command) == key
    assert encode([command])


def test_a_blocking_read_takes_its_wait_in_the_middle():
    before, after = CONSUMER.read_new(5)
    assert key_of((*before, "BLOCK", 9, *after)) == WORK_ITEMS


def test_keys_are_renewed_each_by_a_command_of_its_own():
    assert [key_of(command) for command in commands.renew([STREAM, META])] == [STREAM, META]
    assert commands.renew([]) == []
