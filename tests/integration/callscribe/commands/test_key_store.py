"""`callscribe keys` at a real Redis that refuses what it is asked."""

import pytest

from callscribe.cli import main
from tests.real_redis import admin, real_redis


def test_a_change_that_redis_refuses_is_not_reported_as_done(capsys: pytest.CaptureFixture[str]):
    with real_redis() as redis:
        where = ("--redis-url", redis.url)
        assert main(["keys", "create", "--tenant", "acme", *where]) == 0
        name = capsys.readouterr().out[3:11]
        with admin(redis.url) as client:
            client.config_set("maxmemory", 1)
        for change in (
            ("create", "--tenant", "acme"),
            ("revoke", name),
            ("rotate", name, "--grace-s", "60"),
        ):
            assert main(["keys", *change, *where]) == 1
            said = capsys.readouterr()
            assert said.out == ""
            assert said.err.startswith("callscribe keys: HSET: OOM")
            assert "revoked" not in said.err
        assert main(["keys", "list", *where]) == 0
        assert capsys.readouterr().out.split()[:2] == [name, "valid"]
