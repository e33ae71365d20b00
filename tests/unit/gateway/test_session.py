import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from common.bus import scripts, wire
from common.bus.link import Command
from common.errors import AtCapacity, BusUnavailable, CallscribeError, Unavailable
from common.options import SessionOptions
from common.telemetry.metrics import GatewayMetrics, new_registry
from gateway.fronts import native
from gateway.late_words import MOST_AWAITED
from gateway.session import Gateway, Session
from gateway.settings import GatewaySettings
from gateway.uplink import MOST_WAITING, LegUplink
from tests.unit.gateway.test_results import end, item, later

CONFIG = json.dumps({"type": "config", "encoding": "pcm16"})
WORDS = json.dumps({"type": "config", "words": True})
STEREO = json.dumps({"type": "config", "encoding": "pcm16", "channels": 2, "denoise": True})


class Client:
    """A client that takes down what happens to it."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self.held: list[bool] = []

    def send_soon(self, messages: Sequence[str | bytes]) -> None:
        self.messages += [json.loads(message) for message in messages]

    def close_soon(self, code: int, reason: str) -> None:
        self.closed = self.closed or (code, reason)

    def hold(self, held: bool) -> None:
        self.held.append(held)

    @property
    def kinds(self) -> list[str]:
        return [m.get("code", m["type"]) for m in self.messages]


class Surroundings:
    """Stands in for everything a session shares with others: link, uplink, downlink, fleet."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.claims: list[str] = []
        self.offered: list[wire.Body] = []
        self.forgone: list[tuple[int, str]] = []
        self.touched: dict[LegUplink, Callable[[], None]] = {}
        self.listeners: set[str] = set()
        self.absent: list[str] = []
        self.objection: CallscribeError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def insist(self, commands: Sequence[Command]) -> list[object]:
        await self.gate.wait()
        self.commands += commands
        return [1] * len(commands)

    async def evaluate(self, calls: Sequence[tuple[Any, Any, tuple[Any, ...]]]) -> None:
        for script, keys, arguments in calls:
            if script is scripts.ATTACH:
                body = wire.unpack(arguments[2])
                assert body["words"] is None
                self.forgone.append((arguments[0], body["trouble"]))
            else:
                self.claims.append(f"{keys[0].decode()} {arguments[0]}")
                self.offered.append(wire.unpack(arguments[1]))

    def touch(self, leg: LegUplink, relieved: Callable[[], None]) -> None:
        self.touched[leg] = relieved

    def add(self, session: str, listener: object) -> None:
        self.listeners.add(session)

    def remove(self, session: str) -> None:
        self.listeners.discard(session)

    def missing(self, stages: Sequence[str]) -> list[str]:
        return [stage for stage in stages if stage in self.absent]

    async def look(self) -> None:
        if isinstance(self.objection, BusUnavailable):
            raise self.objection

    def admit(self, stages: Sequence[str], legs: int) -> None:
        if self.objection is not None:
            raise self.objection

    def written(self, leg: int = 0) -> list[bytes]:
        """Take what waits in a leg, decoded by its fields: audio as it is, a control's type."""
        uplink = sorted(self.touched, key=lambda each: each.leg.channel)[leg]
        found = []
        data, _ = uplink.take()
        for part in data.split(b"\r\n$1\r\n")[1:]:
            value = part.split(b"\r\n", 2)[2].split(b"\r\n*")[0].removesuffix(b"\r\n")
            found.append(value if part.startswith(b"a") else wire.unpack(value)["t"].encode())
        return found


class Table:
    """A session with a client on one side and stand-ins on the other."""

    def __init__(self, **settings: Any) -> None:
        self.client = Client()
        self.around = Surroundings()
        self.ended: list[Session] = []
        around = cast(Any, self.around)
        self.metrics = GatewayMetrics.build(new_registry(version="0", service="gateway"))
        gateway = Gateway(
            name="g",
            settings=GatewaySettings(**settings),
            link=around,
            uplink=around,
            downlink=around,
            fleet=around,
            metrics=self.metrics,
        )
        front = native.build(SessionOptions())
        self.session = Session(gateway, front, self.client, self.ended.append)

    async def open(self, config: str = CONFIG) -> None:
        self.session.receive(config)
        await self.opened()

    async def opened(self) -> None:
        assert self.session._opening is not None
        await asyncio.gather(self.session._opening, return_exceptions=True)
        await asyncio.sleep(0)

    def refused(self, reason: str) -> float:
        return cast(float, self.metrics.refusals.labels(reason)._value.get())


@pytest.fixture
async def table() -> Table:
    return Table()


async def test_a_call_opens_with_a_claim_per_leg_and_stage(table):
    await table.open(STEREO)
    assert table.client.kinds == ["session_created"]
    legs = [f"{table.session.id}.{channel}" for channel in (0, 1)]
    assert sorted(table.around.claims) == sorted(
        f"cs:v1:{{{stage}}}:claims {leg}" for stage in ("denoise", "vad") for leg in legs
    )
    assert table.around.listeners == {table.session.id}


async def test_what_comes_while_opening_is_kept_in_order(table):
    table.around.gate.clear()
    table.session.receive(CONFIG)
    table.session.receive(bytes(200))
    table.session.receive('{"type": "flush"}')
    table.session.receive(bytes(100))
    table.session.receive('{"type": "finalize"}')
    assert table.around.touched == {}
    table.around.gate.set()
    await table.opened()
    assert table.around.written() == [bytes(200), b"flush", bytes(100), b"end"]


@pytest.mark.parametrize(
    ("objection", "code"),
    [
        (Unavailable("no asr worker is running", stage="asr"), "unavailable"),
        (AtCapacity("full", reason="vad_slots", retry_after=5), "at_capacity"),
        (BusUnavailable("not connected to Redis"), "unavailable"),
    ],
)
async def test_a_call_that_cannot_be_taken_is_refused_at_once(table, objection, code):
    table.around.objection = objection
    table.around.absent = ["asr"]
    await table.open()
    assert table.client.kinds == [code]
    assert table.client.closed == (1013, code)
    assert table.ended == [table.session]
    assert table.around.claims == []
    assert table.refused(code) == 1


async def test_without_denoising_a_call_is_refused_or_goes_on_as_set():
    for policy, kinds in (
        ("refuse", ["unavailable"]),
        ("continue", ["denoise_unavailable", "session_created"]),
    ):
        table = Table(denoise_unavailable=policy)
        table.around.absent = ["denoise"]
        await table.open(STEREO)
        assert table.client.kinds == kinds
        assert not any("denoise" in claim for claim in table.around.claims)


async def test_a_bug_while_opening_ends_the_call(table):
    table.around.objection = cast(Any, ZeroDivisionError())
    await table.open()
    assert table.client.kinds == ["internal_error"]
    assert table.client.closed == (1011, "internal_error")
    assert table.ended == [table.session]


async def test_the_socket_is_held_while_too_much_waits(table):
    await table.open()
    table.session.receive(bytes(MOST_WAITING))
    assert table.client.held == []
    table.session.receive(bytes(2))
    assert table.client.held == [True]
    ((leg, relieved),) = table.around.touched.items()
    leg.waiting = MOST_WAITING // 2 + 1
    relieved()
    assert table.client.held == [True]
    leg.waiting = MOST_WAITING // 2
    relieved()
    assert table.client.held == [True, False]


async def test_controls_alone_hold_it_too(table):
    await table.open()
    while not table.client.held:
        table.session.receive(json.dumps({"type": "config", "context": "x" * 10_000}))
    ((leg, _),) = table.around.touched.items()
    assert leg.waiting < MOST_WAITING + 20_000


async def test_a_client_that_hangs_up_is_heard_to_the_end(table):
    await table.open()
    table.session.receive(bytes(100))
    table.session.hang_up()
    assert table.around.written() == [bytes(100), b"end"]
    assert table.ended == []
    table.session.hang_up()
    assert table.around.written() == []


async def test_one_that_hangs_up_before_its_call_has_left_nothing(table):
    table.session.hang_up()
    assert table.ended == [table.session]
    await table.session.dispose()
    assert table.around.commands == []


async def test_one_that_never_opens_its_call_is_sent_away(table):
    table.session.give_up()
    assert table.client.kinds == ["open_timeout"]
    assert table.client.closed == (1008, "open_timeout")
    assert table.ended == [table.session]


async def test_an_open_call_is_not_given_up(table):
    await table.open()
    table.session.give_up()
    assert table.client.closed is None


async def test_a_mistake_is_answered_and_a_fatal_one_ends_the_call(table):
    await table.open()
    table.session.receive("hello")
    assert table.client.kinds == ["session_created", "invalid_json"]
    assert table.client.closed is None
    other = Table()
    other.session.receive("hello")
    assert other.client.kinds == ["invalid_json"]
    assert other.client.closed == (1007, "invalid_json")
    assert other.ended == [other.session]


async def test_poisoned_audio_ends_the_call_with_what_came_before(table):
    await table.open('{"type": "config", "encoding": "float32"}')
    table.session.receive(bytes(400))
    table.session.receive(b"\x00\x00\xc0\x7f")
    assert table.client.kinds[-1] == "invalid_audio"
    assert table.client.closed == (1007, "invalid_audio")
    assert table.around.written() == [bytes(200), b"end"]


async def test_half_a_sample_is_reported(table):
    await table.open()
    table.session.receive(bytes(3))
    table.session.receive('{"type": "finalize"}')
    assert table.client.kinds == ["session_created", "truncated_sample"]
    assert table.around.written() == [bytes(2), b"end"]


async def test_a_bug_of_ours_ends_only_this_call(table):
    await table.open()
    table.session.fail(ZeroDivisionError())
    assert table.client.kinds[-1] == "internal_error"
    assert table.client.closed == (1011, "internal_error")
    assert table.around.written() == [b"end"]


async def test_finals_are_passed_on_and_the_last_item_closes(table):
    await table.open()
    text = table.session._legs[0].leg.key("text")
    table.session.receive('{"type": "finalize"}')
    table.session.deliver({text: [item(1, 1)]})
    assert table.client.kinds == ["session_created", "final"]
    assert not table.client.closed
    table.session.deliver({text: [end(2, 1)]})
    assert table.client.closed == (1000, "finished")
    assert table.ended == [table.session]
    table.session.deliver({})
    assert table.ended == [table.session]


@pytest.mark.parametrize(
    ("config", "absent", "align"),
    [(WORDS, [], True), (WORDS, ["align"], False), (CONFIG, [], False)],
)
async def test_the_claims_tell_whether_words_may_come_from_aligners(table, config, absent, align):
    table.around.absent = absent
    await table.open(config)
    assert table.client.kinds == ["session_created"]
    assert [body["align"] for body in table.around.offered] == [align]


async def spoken_to_the_end(table: Table, *text: wire.RawEntry) -> bytes:
    """Open a call for words and end it; its text is `text` and the end."""
    await table.open(WORDS)
    key = table.session._legs[0].leg.key("text")
    table.session.receive('{"type": "finalize"}')
    table.session.deliver({key: [*text, end(len(text) + 1, 9)]})
    return key


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_a_call_ends_when_the_words_of_its_finals_have_come(table):
    key = await spoken_to_the_end(table, item(1, 1, align="d"), item(2, 2, align="e"))
    assert table.client.kinds == ["session_created", "final", "final"]
    table.session.deliver({key: [later(3, 10, 2)]})
    assert not table.client.closed
    table.session.deliver({key: [later(3, 11, 1)]})
    assert table.client.kinds[3:] == ["words", "words"]
    assert table.client.closed == (1000, "finished")
    assert table.ended == [table.session]
    assert table.around.forgone == []


async def test_words_that_do_not_come_in_time_are_answered_in_the_text():
    table = Table(words_wait_s=0)
    key = await spoken_to_the_end(table, item(1, 1, align="d"), item(2, 2))
    assert table.client.closed is None
    await eventually(lambda: table.around.forgone)
    ((number, trouble),) = table.around.forgone
    assert (number, trouble) == (1, "the word times took too long")
    # What the text says counts: an aligner may have been quicker by a moment.
    assert table.client.closed is None
    table.session.deliver({key: [later(3, 10, 1, None, trouble)]})
    assert table.client.messages[-1]["words_unavailable"] == trouble
    assert table.client.closed == (1000, "finished")


async def test_a_call_that_is_over_waits_for_no_words():
    table = Table(words_wait_s=0)
    await spoken_to_the_end(table, item(1, 1, align="d"))
    table.session.lose("session_lost", "gone")
    for _ in range(10):
        await asyncio.sleep(0)
    assert table.around.forgone == []


async def test_a_call_in_progress_gives_words_up_that_are_long_overdue(table, monkeypatch):
    await table.open(WORDS)
    key = table.session._legs[0].leg.key("text")
    clock = [0.0]
    monkeypatch.setattr("gateway.late_words.time.monotonic", lambda: clock[0])
    table.session.deliver({key: [item(1, 1, align="d")]})
    clock[0] = MOST_AWAITED / 2
    table.session.deliver({key: [item(2, 2, align="e")]})
    clock[0] = MOST_AWAITED
    table.session.forgo_overdue_words()
    assert table.around.forgone == []
    clock[0] = MOST_AWAITED + 1
    table.session.forgo_overdue_words()
    await eventually(lambda: table.around.forgone)
    assert [number for number, _ in table.around.forgone] == [1]


async def test_a_server_that_restarts_says_so(table):
    await table.open()
    table.session.go_away(1012, "the server restarts")
    assert table.client.kinds[-1] == "going_away"
    assert table.client.closed == (1012, "the server restarts")
    assert table.around.written() == [b"end"]


async def test_afterwards_working_keys_go_and_the_transcript_stays_a_while(table):
    table.around.commands.clear()
    await table.open()
    table.around.commands.clear()
    await table.session.dispose()
    unlinked = {command[1] for command in table.around.commands if command[0] == "UNLINK"}
    kept = {command[1]: command[2] for command in table.around.commands if command[0] == "EXPIRE"}
    leg = table.session._legs[0].leg
    assert {leg.key("audio"), leg.key("speech"), leg.key("ckpt:vad")} <= unlinked
    assert kept == {leg.meta: 300, leg.key("text"): 300}
    assert table.around.listeners == set()
