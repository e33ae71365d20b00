import asyncio
from typing import cast

import pytest

from callscribe.loadtest.pacing import PacedCall, Pacer

FRAMES = [b"a", b"b", b"c"]


class Pipe:
    def __init__(self):
        self.written = b""
        self.unsent = 0
        self.open = True

    def write(self, data):
        self.written += data

    def get_write_buffer_size(self):
        return self.unsent


class Bench:
    def __init__(self):
        self.now = 100.0
        self.late: list[float] = []
        self.pacer = Pacer(FRAMES, 0.1, lambda: self.now, lambda now, late: self.late.append(late))

    def call(self, first=0, messages=5):
        pipe = Pipe()
        call = PacedCall(
            cast(asyncio.WriteTransport, pipe), lambda: pipe.open, first=first, messages=messages
        )
        self.pacer.add(call)
        return pipe, call

    def at(self, now):
        self.now = now
        return self.pacer.write_due()


@pytest.fixture
def bench():
    return Bench()


async def test_messages_go_out_when_a_microphone_would_have_filled_them(bench):
    pipe, call = bench.call(first=2)
    assert bench.at(100.0) == pytest.approx(0.1)
    assert pipe.written == b""
    assert bench.at(100.1001) == pytest.approx(0.0999)
    assert pipe.written == b"c"
    bench.at(100.3001)  # one late, and the next
    assert pipe.written == b"cab"
    assert bench.late == [pytest.approx(0.0001), pytest.approx(0.1001)]
    assert call.sending.time_of(0.25) == pytest.approx(100.3001)
    assert not call.over.is_set()
    bench.at(101.0)
    assert pipe.written == b"cabca"
    assert call.over.is_set()
    assert call.fault is None
    assert bench.at(102.0) > 0


async def test_a_server_that_does_not_read_holds_up_its_own_call_only(bench):
    held, held_call = bench.call()
    other, _ = bench.call()
    held.unsent = 1 << 20
    bench.at(100.1001)
    bench.at(100.2001)
    assert (held.written, other.written) == (b"", b"ab")
    held.unsent = 0
    bench.at(100.2501)
    assert held.written == b"ab"
    assert max(bench.late) == pytest.approx(0.0001)
    assert bench.pacer.worst_held == pytest.approx(0.1001)
    assert held_call.held_since is None


async def test_a_server_that_never_reads_again_is_left(bench):
    pipe, call = bench.call(messages=1000)
    pipe.unsent = 1 << 20
    bench.at(100.2)
    bench.at(131.0)
    assert call.over.is_set()
    assert call.fault == "the server took no audio for 30 s"


async def test_a_closed_connection_ends_the_call(bench):
    pipe, call = bench.call()
    pipe.open = False
    bench.at(100.2)
    assert call.over.is_set()
    assert call.fault is not None
    assert pipe.written == b""


async def test_stopping_ends_every_call_where_it_is(bench):
    calls = [bench.call() for _ in range(3)]
    bench.at(100.1001)
    bench.pacer.stop()
    assert all(call.over.is_set() and call.fault is None for _, call in calls)
    _, opened_meanwhile = bench.call()
    assert opened_meanwhile.over.is_set()
    bench.at(105.0)
    assert {pipe.written for pipe, _ in calls} == {b"a"}


async def test_the_first_reason_counts(bench):
    _, call = bench.call(messages=1)
    bench.at(100.2)
    call.end("the server ended the call")
    assert call.fault is None
