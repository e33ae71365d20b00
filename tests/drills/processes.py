"""Drills of processes that end, stall or are old, and of certificates."""

import asyncio
import signal
from collections.abc import Callable
from importlib.metadata import distribution

from tests.certificates import identity
from tests.conftest import ROOT
from tests.drills.registry import drill
from tests.drills.system import GOOD, System
from tests.integration.callscribe.processes import until_true

_OLD = "0.0.1"


@drill(
    "CertificateEnds/ticket",
    "CertificateEnds/page",
    says="a gateway is started with a certificate that ends tomorrow",
    short=True,
    beside=True,
)
async def certificate(system: System, fired: Callable[[], bool]) -> None:
    given = identity(system.directory, "ends-tomorrow", "localhost", days=1)
    flags = "--ssl-certfile", str(given.certfile), "--ssl-keyfile", str(given.keyfile)
    gateway = system.add("gateway", *flags, tls=True)
    await until_true(fired, 60)
    system.remove(gateway)


@drill("VersionsMixed/ticket", says="a worker of an old release runs on", beside=True)
async def versions(system: System, fired: Callable[[], bool]) -> None:
    # The version is that of the installed distribution that is found first.
    installed = system.directory / "old"
    info = installed / f"callscribe-{_OLD}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: callscribe\nVersion: {_OLD}\n")
    commands = distribution("callscribe").read_text("entry_points.txt")
    assert commands is not None
    (info / "entry_points.txt").write_text(commands)
    old = system.add("denoise", PYTHONPATH=f"{installed}:{ROOT}")
    await until_true(fired, 120)
    system.remove(old)


@drill(
    "NoGateway/page",
    "ProcessDown/ticket",
    says="the only gateway is killed and stays away",
    short=True,
)
async def gateway_gone(system: System, fired: Callable[[], bool]) -> None:
    system.gateway.kill()
    try:
        await until_true(fired, 60)
    finally:
        system.gateway.start()
        await until_true(system.gateway.ready, 60)


@drill(
    "NoWorkers/page",
    "NoWorkers/ticket",
    "CallsRefused/page",
    says="all VAD workers and the denoise worker are killed, and calls come",
    short=True,
)
async def workers_gone(system: System, fired: Callable[[], bool]) -> None:
    killed = [*system.vads, system.denoise]
    for each in killed:
        each.kill()
    try:
        # Calls that come before the gateway has noticed wait.
        await until_true(lambda: not system.gateway.ready())
        async with system.talking(GOOD, 2):
            await until_true(fired, 60)
    finally:
        for each in killed:
            each.start()
        await until_true(lambda: all(each.ready() for each in killed), 60)


@drill(
    "WorkTakenOver/ticket",
    says="the VAD workers are stopped for longer than their lease, one after the other",
)
async def stalls(system: System, fired: Callable[[], bool]) -> None:
    async with asyncio.timeout(60), system.talking(GOOD, 3):
        while not fired():
            for each in system.vads:
                each.send(signal.SIGSTOP)
                await asyncio.sleep(2.2)
                each.send(signal.SIGCONT)
                await asyncio.sleep(1.0)
