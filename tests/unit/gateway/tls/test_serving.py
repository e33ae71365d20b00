import asyncio
import time
from pathlib import Path

import pytest

from common.errors import SettingsError
from gateway.tls.serving import Given
from tests.certificates import identity


def test_a_given_certificate_tells_when_it_ends(tmp_path: Path):
    given = identity(tmp_path, "calls", "localhost", days=3)
    tls = Given(given.certfile, given.keyfile)
    assert tls.expiry - time.time() == pytest.approx(3 * 86_400, abs=60)


def test_one_without_its_key_is_refused(tmp_path: Path):
    given, other = (identity(tmp_path, name, "localhost") for name in ("calls", "other"))
    with pytest.raises(SettingsError, match="--ssl-certfile"):
        Given(given.certfile, other.keyfile)


def test_a_renewed_certificate_is_served_and_half_of_one_is_not(tmp_path: Path):
    given, renewed = (
        identity(tmp_path, name, "localhost", days=days) for name, days in (("a", 3), ("b", 90))
    )
    tls = Given(given.certfile, given.keyfile)
    given.certfile.write_bytes(renewed.certfile.read_bytes())
    with pytest.raises(SettingsError, match="--ssl-certfile"):
        tls.refresh()
    assert tls.expiry - time.time() == pytest.approx(3 * 86_400, abs=60)
    given.keyfile.write_bytes(renewed.keyfile.read_bytes())
    tls.refresh()
    assert tls.expiry - time.time() == pytest.approx(90 * 86_400, abs=60)


async def test_a_renewed_certificate_is_found_while_the_server_runs(tmp_path: Path):
    given, renewed = (
        identity(tmp_path, name, "localhost", days=days) for name, days in (("a", 3), ("b", 90))
    )
    tls = Given(given.certfile, given.keyfile)
    following = asyncio.create_task(tls.follow(0.01))
    given.certfile.write_bytes(renewed.certfile.read_bytes())
    given.keyfile.write_bytes(renewed.keyfile.read_bytes())
    async with asyncio.timeout(10):
        while tls.expiry - time.time() < 80 * 86_400:
            assert not following.done()
            await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
