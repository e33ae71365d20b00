"""Getting in: TLS both ways, and a user who may no more than is needed."""

import re
from pathlib import Path

import pytest

from common.bus import keys, scripts
from common.bus.keys import Leg
from common.bus.offers import offer
from common.errors import BusUnavailable
from common.redis.address import Address
from common.redis.link import CommandRefused, Link
from tests.integration.common.access import ACL, add_user
from tests.integration.common.stage.toy_stage import ToyWork
from tests.integration.common.tls import certify, relay

LEG = Leg("s", 0)


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


async def test_a_user_may_what_is_needed_and_nothing_else(server):
    add_user(server.client, "callscribe", "secret")
    link = Link(Address.parse(f"redis://callscribe:secret@127.0.0.1:{server.port}"), "test")
    await link.connect()
    group = ("XREADGROUP", "GROUP", "vad", "me", "COUNT", 1)
    assert await link.evaluate([offer("vad", str(LEG), ToyWork())])
    assert await link.call("XGROUP", "CREATE", keys.work_items("vad"), "vad", "0") == b"OK"
    assert await link.read_blocking(1, group, ("STREAMS", keys.work_items("vad"), ">"))
    await link.evaluate(
        [(scripts.RELEASE, (keys.work_items("vad"), keys.index("vad")), ("vad", 1, 2))]
    )
    assert await link.call("HGETALL", keys.workers("vad", 1)) == []
    assert await link.insist([("MULTI",), ("EXISTS", LEG.meta), ("EXEC",)])
    for command, complaint in [
        (("SET", "other", "1"), "NOPERM.*key"),
        (("GET", "cs:v1:x"), "NOPERM.*key"),
        (("HSET", keys.workers("vad", 1), "a", "b"), "NOPERM.*key"),
        (("FLUSHALL",), "NOPERM.*flushall"),
        (("KEYS", "*"), "NOPERM.*keys"),
        (("CONFIG", "GET", "requirepass"), "NOPERM.*config"),
        (("ACL", "LIST"), "NOPERM.*acl"),
        (("SHUTDOWN",), "NOPERM.*shutdown"),
        (("PUBLISH", "c", "m"), "NOPERM.*publish"),
    ]:
        with pytest.raises(CommandRefused, match=complaint):
            await link.call(*command)
    await link.close()


async def test_a_user_who_may_too_little_is_told_at_once(server):
    server.client.execute_command("ACL", "SETUSER", "narrow", "on", ">secret", "~*", "+@connection")
    link = Link(Address.parse(f"redis://narrow:secret@127.0.0.1:{server.port}"), "test")
    with pytest.raises(BusUnavailable, match=r"refuses the connection: NOPERM.*'info'"):
        await link.connect()
    await link.close()


def test_the_rule_is_the_one_that_the_operators_are_given():
    assert re.fullmatch(r"~cs:v2:\* %R~cs:v\*:workers( [+-]\S+)+", " ".join(ACL))
