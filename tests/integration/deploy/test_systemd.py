"""The commands of the units, run with their environments as systemd would."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from callscribe.local.child import die_with_parent, free_ports
from tests.conftest import ROOT, SMALLER_MODEL
from tests.integration.callscribe.processes import until
from tests.integration.conftest import page
from tests.unit.deploy.units import UNITS, Unit

ON_GPUS = {
    *("callscribe-asr-vllm", "callscribe-align"),
    *("callscribe-vad-gpu", "callscribe-denoise-gpu"),
}


def started(unit: Unit, key: str, directory: Path, redis_url: str) -> "subprocess.Popen[bytes]":
    """Run one line of a unit; `redis_url` stands in its environment file."""
    env = {
        "PATH": os.environ["PATH"],
        **SMALLER_MODEL,
        **unit.environment,
        "CALLSCRIBE_REDIS_URL": redis_url,
    }
    # The unit's own directory, and the addresses of a machine that others use too.
    env |= {"HOME": str(directory), "CALLSCRIBE_HOST": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    env |= {"CALLSCRIBE_METRICS_HOST": "127.0.0.1"}
    with (directory / key).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "callscribe", *unit.command(key)],
            env=env,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent(),
        )


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_and_stops(name: str, tmp_path: Path, redis_url: str):
    (port,) = free_ports(1)
    unit = Unit(name, str(port))
    check = started(unit, "ExecStartPre", tmp_path, redis_url)
    assert check.wait(60) == 0, (tmp_path / "ExecStartPre").read_text()
    if name in ON_GPUS:
        return
    service = started(unit, "ExecStart", tmp_path, redis_url)
    try:
        path = "/health" if name == "callscribe-gateway" else "/ready"
        until(lambda: answers(port, path), 60)
        service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0
    finally:
        service.kill()
        service.wait()
    assert "{" in (tmp_path / "ExecStart").read_text()[:1]


def answers(port: int, path: str) -> bool:
    """Whether a page says 200."""
    try:
        return page(port, path)[0] == 200
    except OSError:
        return False


def test_a_wrong_setting_shows_before_the_start(tmp_path: Path):
    unit = Unit("callscribe-vad", "9300")
    check = started(unit, "ExecStartPre", tmp_path, "redis://:@:0:0")
    assert check.wait(60) == 2
    assert "--redis-url: " in (tmp_path / "ExecStartPre").read_text()
