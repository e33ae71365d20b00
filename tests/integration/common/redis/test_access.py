"""Getting in: TLS both ways, and users who may no more than is needed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.redis_server import GuardedRedis
from common.bus import commands, keys, scripts
from common.bus.consumer import Consumer
from common.bus.keys import Leg
from common.bus.offers import offer
from common.errors import BusUnavailable, NotPermitted
from common.pipeline.streams import AUDIO, TRACE
from common.redis.address import Address
from common.redis.link import Link
from tests.integration.common.stage.toy_stage import ToyWork
from tests.integration.common.tls import certify, relay
from tests.integration.conftest import wait_until
from tests.real_redis import admin

LEG = Leg("s", 0)


@pytest.fixture
def guarded() -> Iterator[GuardedRedis]:
    """A server with users; what it refuses here is what the tests are about."""
    with GuardedRedis("acl") as server:
        yield server


async def test_tls_verifies_the_server_and_shows_it_a_certificate(server, tmp_path: Path):
    certificate, key = certify(tmp_path)
    async with relay(server.port, certificate, key) as port:
        files = f"ssl_ca_certs={certificate}&ssl_certfile={certificate}&ssl_keyfile={key}"
        link = Link(Address.parse(f"rediss://127.0.0.1:{port}?{files}"), "test")
        await link.connect()
        value = bytes(300_000)
        await link.insist([("SET", "k", value, "EX", 60)])
        assert await link.call("GET", "k") == value
        await link.close()
        for url, complaint in [
            (f"rediss://127.0.0.1:{port}", "certificate verify failed"),
            (f"rediss://localhost:{port}?{files}", "(?i)hostname mismatch"),
            (f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}", "no Redis at"),
            (f"redis://127.0.0.1:{port}", "no Redis at"),
        ]:
            link = Link(Address.parse(url), "test")
            with pytest.raises(BusUnavailable, match=complaint):
                await link.connect()
            await link.close()


async def test_a_user_may_what_is_needed_and_nothing_else(guarded):
    link = Link(Address.parse(guarded.url, "vad"), "test")
    await link.connect()
    me = Consumer("vad", "me")
    assert await link.evaluate([offer("asr", f"{LEG}/1", ToyWork())])
    assert await link.call(*me.create_group()) == b"OK"
    assert await link.read_blocking(1, *me.read_new(1)) == []
    await link.evaluate([(scripts.RELEASE, (me.stream, keys.index("vad")), ("vad", 1, 2))])
    assert await link.insist([("MULTI",), commands.unbroken(LEG.meta), ("EXEC",)])
    trace = keys.session_key("s", TRACE)
    for command, said in [
        (("SET", "other", "1"), "user vad may not run SET other: NOPERM"),
        (("XADD", trace, "*", "a", "b"), f"user vad may not run XADD {trace.decode()}: NOPERM"),
        (commands.heartbeat("asr", "w", b""), "user vad may not run HSET"),
        (("FLUSHALL",), "FLUSHALL"),
        (("KEYS", "*"), "KEYS"),
        (("CONFIG", "GET", "requirepass"), "CONFIG"),
        (("ACL", "LIST"), "ACL"),
        (("PUBLISH", "c", "m"), "PUBLISH"),
    ]:
        with pytest.raises(NotPermitted) as refused:
            await link.call(*command)
        assert said in str(refused.value)
    with pytest.raises(NotPermitted, match="may not run SET other"):
        await link.insist([("MULTI",), ("SET", "other", "1"), ("EXEC",)])
    assert await link.call("PING") == b"PONG", "the connection stays"
    await link.close()


async def test_a_script_may_do_no_more_than_its_user(guarded):
    link = Link(Address.parse(guarded.url, "asr"), "test")
    await link.connect()
    with pytest.raises(NotPermitted, match=f"EVALSHA {keys.sessions().decode()}"):
        await link.evaluate([(scripts.RENEW_SESSIONS, [keys.sessions()], ("", "s"))])
    for line in ("redis.call('SET', KEYS[1], 1)", "redis.call('XTRIM', 'other', 'MAXLEN', 1)"):
        with pytest.raises(NotPermitted, match="user asr may not run EVAL"):
            await link.call("EVAL", line, 1, LEG.meta)
    with pytest.raises(NotPermitted, match="XTRIM"):
        await link.call(*commands.trim(LEG.key(AUDIO), 0))
    await link.close()


async def test_who_may_not_get_in_is_told_why(guarded, tmp_path: Path):
    at = f"127.0.0.1:{guarded.port}"
    (tmp_path / "vad").write_text("wrong")
    for url, complaint in [
        (f"redis://{at}?passwords={tmp_path}", r"connection: WRONGPASS .* \(user vad\)"),
        (f"redis://{at}", "connection: NOAUTH"),
    ]:
        link = Link(Address.parse(url, "vad"), "test")
        with pytest.raises(BusUnavailable, match=complaint):
            await link.connect()
        await link.close()
    with admin(guarded.url) as client:
        client.execute_command("ACL", "SETUSER", "narrow", "on", ">secret", "~*", "+@connection")
    link = Link(Address.parse(f"redis://narrow:secret@{at}"), "test")
    with pytest.raises(BusUnavailable, match=r"refuses the connection: .*user narrow.*'info'"):
        await link.connect()
    await link.close()


async def test_a_connection_comes_back_with_its_password(guarded, caplog):
    link = Link(Address.parse(guarded.url, "vad"), "test")
    await link.connect()
    with admin(guarded.url) as client:
        client.execute_command("ACL", "SETUSER", "vad", "resetpass")
        client.client_kill_filter(user="vad")
        await wait_until(lambda: not link.connected, "it is lost")
        await wait_until(
            lambda: any("WRONGPASS" in str(vars(each)["fields"]) for each in caplog.records),
            "the log says why",
        )
        client.execute_command("ACL", "SETUSER", "vad", ">vad")
        assert await link.insist([("PING",)]) == [b"PONG"]
    await link.close()


async def test_a_server_that_restarts_has_all_that_scripts_and_transactions_wrote(guarded):
    """Redis 7 reads transactions of its file as the user without a name."""
    link = Link(Address.parse(guarded.url, "vad"), "test")
    await link.connect()
    await link.evaluate([offer("asr", f"{LEG}/1", ToyWork())])
    written = [("MULTI",), commands.append(LEG.key(AUDIO), b"1-1", b"a", b"b")]
    await link.insist([*written, *commands.renew([LEG.key(AUDIO)]), ("EXEC",)])
    os.kill(guarded.pid, signal.SIGKILL)
    await wait_until(lambda: guarded.exit_code() is not None, "it is gone")
    guarded.restart()
    await wait_until(guarded.answers, "it is back")
    with admin(guarded.url) as client:
        assert client.xlen(keys.work_items("asr")) == 1
        assert client.xlen(LEG.key(AUDIO)) == 1
        assert client.hlen(keys.index("asr")) == 1
    assert guarded.denials() == []
    await link.close()
