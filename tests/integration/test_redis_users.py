"""Suites that run once more with a Redis where each service has its own user, and with TLS."""

import os
import subprocess
import sys

import pytest

from bench.redis_server import GuardedRedis
from common.errors import Unavailable
from tests.conftest import ROOT
from tests.real_redis import PROTECTION

SUITES = {
    "acl": [
        "tests/integration/gateway/access",
        "tests/integration/gateway/test_erasing.py",
        "tests/integration/gateway/test_webhooks.py",
        "tests/integration/callscribe/commands/test_letters.py",
        "tests/integration/asr_worker/test_poison.py",
        "tests/integration/test_late_words.py",
    ],
    "tls": ["tests/integration/pipeline/test_worker_death.py"],
}
"""What uses most of the commands and keys in the least time; `make test-redis` runs all suites."""


@pytest.mark.skipif(PROTECTION != "none", reason="all suites have users in this run")
@pytest.mark.parametrize("protection", SUITES)
@pytest.mark.timeout(400)
def test_services_have_all_the_rights_that_they_need(protection):
    try:
        with GuardedRedis(protection):
            pass
    except Unavailable:
        pytest.skip("the Redis of this machine has no TLS")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITES[protection]],
        cwd=ROOT,
        env={**os.environ, "TEST_REDIS": protection},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
