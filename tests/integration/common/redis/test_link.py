"""The link against a real server that is cut, frozen, full, restarted or locked."""

import asyncio
import gc
import random
import socket
import time
import warnings

import pytest
import redis

from common.errors import BusUnavailable, Misuse
from common.redis import connection
from common.redis.address import Address
from common.redis.link import CommandError, CommandRefused, Link, encode
from common.redis.script import Script
from tests.integration.common.server import Server
from tests.integration.conftest import wait_until

COUNT_UP = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
ECHO = Script("return {KEYS[1], ARGV[1]}")
BROKEN = Script("return redis.call('INCR')")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """Shorten the time after which a silent server is given up."""
    monkeypatch.setattr(connection, "REPLY_TIMEOUT", 0.5)
    return 0.3


async def test_pipelined_replies_come_in_order_under_concurrency(link):
    async def ask(caller: int) -> None:
        for turn in range(20):
            words = [f"{caller}.{turn}.{i}" for i in range(random.randint(1, 30))]
            assert await link.run([("ECHO", word) for word in words]) == [
                word.encode() for word in words
            ]

    await asyncio.gather(*(ask(caller) for caller in range(50)))


async def test_errors_come_in_their_places(link):
    await link.run([("SET", "text", "x"), ("EXPIRE", "text", 60)])
    before, error, after = await link.run([("GET", "text"), ("INCR", "text"), ("GET", "text")])
    assert (before, after) == (b"x", b"x")
    assert isinstance(error, CommandError)
    with pytest.raises(CommandRefused, match="INCR: ERR value is not an integer"):
        await link.call("INCR", "text")


async def test_no_commands_need_no_connection(link):
    assert await link.run([]) == []
    assert await link.insist([]) == []
    assert await link.evaluate([]) == []


async def test_a_large_value_passes_both_ways(link):
    value = random.randbytes(3_000_000)
    await link.run([("SET", "large", value), ("EXPIRE", "large", 60)])
    assert await link.call("GET", "large") == value


async def test_cancelled_calls_never_mix_up_replies(link):
    async def ask(word: str) -> None:
        assert await link.run([("ECHO", word), ("ECHO", word + "!")]) == [
            word.encode(),
            word.encode() + b"!",
        ]

    for turn in range(100):
        tasks = [asyncio.create_task(ask(f"{turn}.{i}")) for i in range(10)]
        await asyncio.sleep(random.choice([0, 0, 0.0002, 0.001]))
        for task in random.sample(tasks, 5):
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
    assert await link.call("ECHO", "still") == b"still"


async def test_what_was_sent_takes_effect_though_cancelled(link):
    sending = asyncio.create_task(link.run([("SET", "sent", "yes", "EX", 60)]))
    await asyncio.sleep(0)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert await link.call("GET", "sent") == b"yes"


async def test_a_cut_connection_fails_what_is_in_flight_and_heals(server, own_link):
    blocked = [
        asyncio.create_task(own_link.read_blocking(60_000, ("XREAD",), ("STREAMS", "none", "$"))),
        asyncio.create_task(own_link.run([("ECHO", "behind")])),
    ]
    await wait_until(lambda: server.client.info("clients")["blocked_clients"] == 1, "it blocks")
    assert server.cut("own") == 1
    for each in blocked:
        with pytest.raises(BusUnavailable):
            await each
    await own_link.wait_connected()
    assert own_link.connected
    assert await own_link.call("ECHO", "back") == b"back"


async def test_a_broken_connection_is_known_at_once(server, own_link):
    """Whoever retries in the very moment of the break must wait, not spin.

    Many callers, so that some run between the break and the keeper's learning of it.
    """
    done = 0

    async def insist() -> None:
        nonlocal done
        for _ in range(200):
            await own_link.insist([("INCR", "n"), ("EXPIRE", "n", 60)])
            await asyncio.sleep(0)
        done += 1

    tasks = [asyncio.create_task(insist()) for _ in range(20)]
    cuts = 0
    while done < len(tasks):
        cuts += await asyncio.to_thread(server.cut, "own")
        await asyncio.sleep(0.02)
    await asyncio.gather(*tasks)
    assert cuts
    assert int(server.client.get("n")) >= 20 * 200


async def test_retrying_between_the_break_and_the_keepers_turn_waits(server, own_link):
    """The same moment, made deterministic: a callback that runs right after the break."""
    pipe = own_link._servers._pipe
    lost = pipe.connection_lost
    retries: list[asyncio.Task[object]] = []

    def lost_and_retried_at_once(error: Exception | None) -> None:
        loop = asyncio.get_running_loop()
        retry = own_link.insist([("SET", "once", 1, "EX", 60)])
        retries.append(loop.create_task(retry))  # its first step comes before the keeper's
        lost(error)

    pipe.connection_lost = lost_and_retried_at_once
    pipe.abort()
    await wait_until(lambda: retries, "the connection is lost")
    async with asyncio.timeout(5):
        assert await retries[0] == [b"OK"]


async def test_a_silent_server_is_given_up_after_the_timeout_and_heals(server, own_link, impatient):
    server.freeze()
    try:
        with pytest.raises(BusUnavailable, match="broke"):
            await own_link.run([("ECHO", "anyone?")], timeout=impatient)
        assert not own_link.connected
        with pytest.raises(BusUnavailable, match="not connected"):
            await own_link.run([("ECHO", "anyone?")])
        waiting = asyncio.create_task(own_link.wait_connected())
        await asyncio.sleep(1.2)  # let attempts to reconnect meet the silence
        assert not waiting.done()
    finally:
        server.thaw()
    await waiting
    assert await own_link.call("ECHO", "back") == b"back"
    names = [each["name"] for each in server.client.client_list()]
    assert names.count("own") == 1, "attempts that failed left no connection behind"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()


async def test_a_slow_blocking_read_is_not_mistaken_for_silence(server, own_link, impatient):
    assert await own_link.read_blocking(900, ("XREAD",), ("STREAMS", "none", "$")) == []
    assert own_link.connected


async def test_a_blocking_read_returns_what_comes(server, own_link):
    reading = asyncio.create_task(
        own_link.read_blocking(10_000, ("XREAD",), ("STREAMS", "news", "$"))
    )
    await wait_until(lambda: server.client.info("clients")["blocked_clients"] == 1, "it blocks")
    server.client.xadd("news", {"a": "1"}, id="7-1")
    server.client.expire("news", 60)
    assert await reading == [[b"news", [[b"7-1", [b"a", b"1"]]]]]


async def test_a_server_that_restarts_on_its_port_is_found_again(server, own_link):
    server.stop()
    with pytest.raises(BusUnavailable):
        await own_link.run([("PING",)])
    insisting = asyncio.create_task(own_link.insist([("SET", "k", "v", "EX", 60)]))
    await asyncio.sleep(0.1)
    server.start()
    assert await insisting == [b"OK"]
    assert server.client.get("k") == b"v"


async def test_insisting_repeats_what_broke_and_says_so(server, own_link):
    _, repeated = await own_link.insist_parts([(b"", encode([("PING",)]), 1)])
    assert not repeated
    server.freeze()
    counting = encode([("INCR", "n"), ("EXPIRE", "n", 60)])
    sent = asyncio.create_task(own_link.insist_parts([(b"n", counting, 2)]))
    await asyncio.sleep(0.05)
    own_link.abort()  # after the commands left, before their replies came
    await asyncio.sleep(0.05)
    server.thaw()
    replies, repeated = await sent
    assert repeated
    assert replies == [2, 1], "the first attempt had arrived"


async def test_a_full_server_is_asked_again_until_there_is_room(server, own_link):
    server.fill()
    writing = asyncio.create_task(
        own_link.insist([("XADD", "s", "1-1", "a", "b"), ("EXPIRE", "s", 60)])
    )
    counting = asyncio.create_task(own_link.evaluate([(COUNT_UP, ["n"], [1])]))
    await wait_until(
        lambda: server.client.info("errorstats").get("errorstat_OOM", {}).get("count", 0) > 4,
        "both were refused more than once",
    )
    assert not writing.done()
    assert not counting.done()
    server.make_room()
    assert await writing == [b"1-1", 1]
    assert await counting == [1]
    server.client.expire("n", 60)


async def test_a_single_command_tells_that_its_refusal_will_pass(server, own_link):
    server.fill()
    for command in [("SET", "k", "v"), ("XGROUP", "CREATE", "c", "g", "0", "MKSTREAM")]:
        with pytest.raises(CommandRefused, match="OOM") as caught:
            await own_link.call(*command)
        assert caught.value.passing
    server.make_room()


async def test_a_busy_server_makes_a_blocking_read_come_back_empty(server, own_link):
    server.client.config_set("busy-reply-threshold", 10)
    busy = asyncio.create_task(asyncio.to_thread(_block, server))
    await _wait_busy(own_link)
    assert await own_link.read_blocking(20, ("XREAD",), ("STREAMS", "none", "$")) == []
    await asyncio.to_thread(_kill_script, server)
    await busy
    assert await own_link.call("PING") == b"PONG"


def _block(server: Server) -> None:
    with pytest.raises(redis.ResponseError, match=r"(?i)killed"):
        server.client.eval("while true do end", 0)


def _kill_script(server: Server) -> None:
    with redis.Redis(port=server.port) as client:
        client.script_kill()


async def _wait_busy(link: Link) -> None:
    end = time.monotonic() + 5
    while not isinstance((await link.run([("GET", "x")]))[0], CommandError):
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


async def test_scripts_are_taught_when_they_are_unknown(server, own_link):
    for _ in range(2):
        calls = [(ECHO, ["a"], ["1"]), (COUNT_UP, ["n"], [5]), (ECHO, ["b"], ["2"])]
        first, _, last = await own_link.evaluate(calls)
        assert (first, last) == ([b"a", b"1"], [b"b", b"2"])
        server.client.script_flush()
    assert server.client.get("n") == b"10"
    server.client.expire("n", 60)


async def test_a_script_that_fails_is_a_bug(server, own_link):
    with pytest.raises(Misuse, match="script"):
        await own_link.evaluate([(BROKEN, ["k"], [])])


async def test_a_wrong_password_is_said_and_not_shown(tmp_path):
    with Server(tmp_path, password="right") as locked:
        for url, complaint in [
            (f"redis://:wrong-secret@127.0.0.1:{locked.port}", "WRONGPASS"),
            (f"redis://127.0.0.1:{locked.port}", "NOAUTH"),
        ]:
            link = Link(Address.parse(url), "test")
            with pytest.raises(BusUnavailable, match=complaint) as caught:
                await link.connect()
            assert f"127.0.0.1:{locked.port}" in str(caught.value)
            assert "secret" not in str(caught.value)
            await link.close()
        link = Link(Address.parse(f"redis://:right@127.0.0.1:{locked.port}/2"), "test")
        await link.connect()
        assert b"db=2" in await link.call("CLIENT", "INFO")
        await link.close()


async def test_no_redis_at_start_names_the_address_in_time():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        link = Link(Address.parse(f"redis://127.0.0.1:{port}"), "test")
        async with asyncio.timeout(6):
            with pytest.raises(BusUnavailable, match=f"no Redis at 127.0.0.1:{port}"):
                await link.connect()
    await link.close()


async def test_something_that_never_answers_at_start_is_given_up_in_time(impatient):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        link = Link(Address.parse(f"redis://127.0.0.1:{port}"), "test")
        async with asyncio.timeout(6):
            with pytest.raises(BusUnavailable, match=f"127.0.0.1:{port}: no answer"):
                await link.connect()
    await link.close()
    gc.collect()


async def test_closing_fails_what_is_in_flight(server, own_link):
    reading = asyncio.create_task(
        own_link.read_blocking(60_000, ("XREAD",), ("STREAMS", "none", "$"))
    )
    await wait_until(lambda: server.client.info("clients")["blocked_clients"] == 1, "it blocks")
    await own_link.close()
    with pytest.raises(BusUnavailable):
        await reading
    with pytest.raises(BusUnavailable):
        await own_link.run([("PING",)])


async def test_what_a_server_says_as_it_hangs_up_is_told(server):
    server.client.config_set("maxclients", 1)
    for _ in range(20):  # it may hang up before it has read anything, or after
        link = Link(Address.parse(server.url), "test")
        with pytest.raises(BusUnavailable) as caught:
            await link.connect()
        assert f"Redis at 127.0.0.1:{server.port} refuses the connection:" in str(caught.value)
        assert "ERR max number of clients reached" in str(caught.value)
        await link.close()


async def test_unix_sockets_work_as_well(tmp_path):
    path = tmp_path / "redis.sock"
    with Server(tmp_path, "--unixsocket", str(path)):
        link = Link(Address.parse(f"unix://{path}"), "test")
        await link.connect()
        assert await link.call("PING") == b"PONG"
        await link.close()
