"""What shows only when settings are used: files that are read, engines, and Redis."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial

from asr_worker.json_options import json_object
from common.bus import eviction
from common.errors import BusUnavailable, SettingsError
from common.redis.address import Address
from common.redis.link import Link
from common.settings import CommonSettings

_PATIENCE = 10.0
"""Seconds for Redis to answer."""


def proven(settings: CommonSettings, user: str) -> list[str]:
    """Return what a service would refuse of its settings at its start; nothing is connected to.

    `user`: who it is at Redis, unless the URL says otherwise.
    """
    problems = []
    for step in _steps(settings, user):
        try:
            step()
        except SettingsError as error:
            problems.append(str(error))
    return problems


async def connected(settings: CommonSettings, user: str) -> str | None:
    """Connect to Redis once; return what is wrong with how Redis is set up, or None.

    Raises BusUnavailable or SettingsError, with the reason.
    """
    link = Link(Address.parse(settings.redis_url, user), "check-config")
    try:
        async with asyncio.timeout(_PATIENCE):
            await link.connect()
            return await eviction.look(link)
    except TimeoutError:
        raise BusUnavailable(f"Redis did not answer within {_PATIENCE:g} s") from None
    finally:
        await link.close()


async def unreachable(settings: CommonSettings) -> list[str]:
    """Return which of the sinks in a gateway's settings cannot be reached, and why."""
    if type(settings).__name__ != "GatewaySettings":
        return []
    from gateway import policies
    from gateway.settings import GatewaySettings

    assert isinstance(settings, GatewaySettings)
    return await policies.unreachable(settings)


def _steps(settings: CommonSettings, user: str) -> Iterator[Callable[[], object]]:
    yield lambda: Address.parse(settings.redis_url, user)
    # A machine may have the libraries of one service only, so that each is imported by itself.
    match type(settings).__name__:
        case "GatewaySettings":
            yield lambda: _tls(settings)
            yield from _policies(settings)
        case "AsrSettings":
            yield lambda: _engine(settings)
        case "AlignSettings":
            yield lambda: _aligner(settings)


def _policies(settings: CommonSettings) -> Iterator[Callable[[], object]]:
    from gateway.policies import CHECKS
    from gateway.settings import GatewaySettings

    assert isinstance(settings, GatewaySettings)
    yield from (partial(check, settings) for check in CHECKS)


def _tls(settings: CommonSettings) -> None:
    from gateway.settings import GatewaySettings
    from gateway.tls.serving import Given

    assert isinstance(settings, GatewaySettings)
    if settings.ssl_certfile is not None:
        Given(settings.ssl_certfile, settings.ssl_keyfile)


def _engine(settings: CommonSettings) -> None:
    from asr_worker import engines
    from asr_worker.settings import AsrSettings

    assert isinstance(settings, AsrSettings)
    engines.settings_of(settings)
    engines.slots(settings)


def _aligner(settings: CommonSettings) -> None:
    from asr_worker.align.settings import AlignSettings

    assert isinstance(settings, AlignSettings)
    json_object(settings.align_vllm_options, "--align-vllm-options")
