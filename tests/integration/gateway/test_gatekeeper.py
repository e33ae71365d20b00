"""What a real gateway on a public address does without keys, and with the remedies that it names.

No worker runs beside it: it listens, or ends, before it looks for any.
"""

import subprocess
import sys

import pytest

from common.lifecycle import EXIT_FAILED
from tests.integration.callscribe.processes import until
from tests.integration.gateway.access.asking import create
from tests.integration.pipeline.services import service
from tests.real_redis import real_redis

PUBLIC = ("--host", "0.0.0.0")


def test_it_ends_and_says_why_and_a_later_start_may_succeed():
    with real_redis() as redis:
        command = [sys.executable, "-m", "callscribe", "gateway", "--redis-url", redis.url]
        ended = subprocess.run(
            [*command, *PUBLIC, "--port", "0"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert ended.returncode == EXIT_FAILED == 1
    (line,) = [each for each in ended.stderr.splitlines() if each.startswith("callscribe ")]
    assert line == (
        "callscribe gateway: --host: 0.0.0.0 is reached from other machines, and there are no "
        "keys: make one with `callscribe keys create`, or say --no-auth"
    )


@pytest.mark.parametrize("remedy", ["a key", "--no-auth"])
def test_each_remedy_that_it_names_is_one(remedy: str):
    with real_redis() as redis:
        if remedy == "a key":
            create("acme", "transcribe", url=redis.url)
        flags = PUBLIC if remedy == "a key" else (*PUBLIC, "--no-auth")
        with service("gateway", redis.url, *flags) as gateway:
            until(lambda: gateway.page("/health")[0] == 200)
            asked = gateway.page("/v1/sessions")[0]
            assert asked == (401 if remedy == "a key" else 200)
