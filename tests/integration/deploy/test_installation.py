"""What users install starts: each lock alone, the client alone, and a call through the locks.

An editable installation of everything hides a package that only another extra brings.
"""

import contextlib
import http.client
import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from callscribe.local.child import free_ports
from tests.conftest import ROOT
from tests.integration.conftest import wait_until
from tests.integration.deploy.installation import (
    LOCKS,
    Installation,
    build_wheel,
    environment,
    pins,
)
from tests.real_redis import real_redis

SERVICES = {
    "gateway": ("gateway",),
    "vad": ("vad",),
    "denoise": ("denoise",),
    "asr-cpu": ("asr",),
    "gpu": ("vad", "denoise"),
    "asr-vllm": ("asr", "align"),
}
"""By lock: what its image runs, with what else that needs at hand."""

HEAVY = ("gpu", "asr-vllm")
"""PyTorch and vLLM are gigabytes; of these only what every service needs is installed."""

EVERYONE = (
    *("hiredis", "msgpack", "numpy", "prometheus-client", "redis", "uvloop", "async-timeout"),
    "threadpoolctl",
)
WITHOUT_DEPENDENCIES = ("vad", "gpu", "asr-cpu", "asr-vllm")
"""The Dockerfile adds requirements-no-deps.txt to these."""

CALLERS = ("transcribe", "listen", "watch", "trace")
"""The commands that call a server."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> "Installations":
    """The installation of each lock, made when it is first asked for."""
    return Installations(tmp_path_factory.mktemp("installed"), wheel)


class Installations(dict[str, Installation]):
    def __init__(self, directory: Path, wheel: Path) -> None:
        super().__init__()
        self._directory = directory
        self._wheel = wheel

    def __missing__(self, name: str) -> Installation:
        made = Installation.made(self._directory / name)
        if name == "client":
            made.add(f"callscribe[client] @ {self._wheel.as_uri()}")
        else:
            lock = LOCKS / f"{name}.txt"
            if name in HEAVY:
                lock = self._directory / f"{name}.txt"
                lock.write_text(pins(LOCKS / f"{name}.txt", EVERYONE))
            made.add("--require-hashes", "--requirements", lock)
            if name in WITHOUT_DEPENDENCIES and name not in HEAVY:
                made.add("--no-deps", "--require-hashes", "--requirements", LOCKS / "no-deps.txt")
            made.add("--no-deps", self._wheel)
        self[name] = made
        return made


def test_every_lock_of_an_image_is_tried():
    tools = {each.stem for each in LOCKS.glob("*.in")} | {"no-deps"}
    assert {each.stem for each in LOCKS.glob("*.txt")} - tools == SERVICES.keys()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("lock", SERVICES)
def test_a_lock_brings_what_its_services_need_to_be_asked_for_help(lock, installed, tmp_path):
    for service in SERVICES[lock]:
        done = installed[lock].run("callscribe", service, "--help", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"usage: {service} " in done.stdout


@contextlib.contextmanager
def running(installation: Installation, *arguments: str, cwd: Path) -> Iterator[None]:
    process = subprocess.Popen(
        installation.command(*arguments), cwd=cwd, env=environment(), stderr=subprocess.DEVNULL
    )
    try:
        yield
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(30)


def ready(port: int) -> bool:
    with contextlib.suppress(OSError):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    return False


@pytest.mark.nightly  # images are installed from the same locks, and the gate calls them
@pytest.mark.timeout(300)
async def test_a_call_goes_through_services_that_have_their_own_lock_each(installed, tmp_path):
    names = ("vad", "denoise", "asr-cpu", "gateway")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    with real_redis() as redis, contextlib.ExitStack() as started:
        for name, port in ports.items():
            (service,) = SERVICES[name]
            flag = "--port" if service == "gateway" else "--metrics-port"
            given = (service, "--redis-url", redis.url, flag, str(port))
            started.enter_context(running(installed[name], *given, cwd=tmp_path))
        for name, port in ports.items():
            await wait_until(partial(ready, port), f"{name} is ready", timeout=60)
        sample = ROOT / "callscribe" / "sample" / "sample_call.wav"
        url = f"ws://127.0.0.1:{ports['gateway']}/ws/asr"
        told = installed["client"].run(
            *("callscribe", "transcribe", str(sample), "--url", url, "--denoise"), cwd=tmp_path
        )
    assert told.returncode == 0, told.stderr
    assert len(re.findall(r"\w+", told.stdout)) > 20


@pytest.mark.parametrize("command", CALLERS)
def test_the_client_alone_has_its_commands(command, installed, tmp_path):
    done = installed["client"].run("callscribe", command, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_client_alone_lists_the_commands_and_names_the_extra_of_another(installed, tmp_path):
    listed = installed["client"].run("callscribe", "--help", cwd=tmp_path)
    assert (listed.returncode, listed.stderr) == (0, "")
    refused = installed["client"].run("callscribe", "gateway", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.endswith("is callscribe[gateway] installed?\n")


def test_the_client_leaves_a_project_its_own_names(installed, tmp_path):
    for name in ("common", "gateway", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f'WHOSE = "{name} of the project"\n')
    (tmp_path / "app.py").write_text(
        "import common, gateway, tests\n"
        "from callscribe import sync\n"
        "from callscribe.client import Options, connect\n"
        "from callscribe.client.trust import trust\n"
        "assert sync.connect and connect and trust() and Options()\n"
        "print(common.WHOSE, gateway.WHOSE, tests.WHOSE, sep='; ')\n"
    )
    done = installed["client"].run("python", "app.py", cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout == "common of the project; gateway of the project; tests of the project\n"
    # The command finds its own packages beside those.
    done = installed["client"].run("python", "-m", "callscribe", "--version", cwd=tmp_path)
    assert done.stdout.startswith("callscribe ")
    (site,) = installed["client"].directory.glob("lib/python*/site-packages")
    assert not [each.name for each in site.iterdir() if each.name in ("common", "gateway", "tests")]
