import os
import re
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from tests.integration.callscribe.processes import stand_in_services


@pytest.fixture
def demo(tmp_path):
    """Runs `callscribe demo` on a short file over stand-in services; its temporary directory."""
    audio = tmp_path / "call.wav"
    with wave.open(str(audio), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(4 * 1600))
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def run(**variables: str) -> tuple[subprocess.CompletedProcess[str], Path]:
        command = [sys.executable, "-m", "callscribe", "demo", str(audio), "--denoise", "0"]
        env = {**os.environ, **stand_in_services(tmp_path), "TMPDIR": str(temporary), **variables}
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        return done, temporary

    return run


def processes_below(directory: Path) -> list[str]:
    """Return the command lines of the processes that have `directory` in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(directory).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_it_shows_a_call_and_leaves_nothing(demo):
    done, temporary = demo()
    assert done.returncode == 0, done.stderr
    assert re.search(r"ready: redis \d\.\d s, ", done.stdout)
    assert re.search(r"time spent: start \d+\.\d s, call \d+\.\d s, end \d+\.\d s", done.stdout)
    assert list(temporary.iterdir()) == []
    assert processes_below(temporary) == []


def test_it_is_not_led_astray_by_the_environment(demo):
    done, _ = demo(
        CALLSCRIBE_REDIS_URL="redis://127.0.0.1:1/0",
        CALLSCRIBE_PORT="1",
        CALLSCRIBE_STREAM_PORT="1",
        STREAM_WS_PORT="1",
        CALLSCRIBE_GENERATE_SELF_SIGNED_CERT="yes",
        CALLSCRIBE_SELF_SIGNED_CERT_DIR="/nonexistent",
    )
    assert done.returncode == 0, done.stderr


def test_a_process_that_dies_fails_it_and_is_named(demo):
    done, temporary = demo(STAND_IN_GATEWAY="dies in the call")
    assert done.returncode == 1
    assert "gateway" in done.stderr
    assert list(temporary.iterdir()) == []
    assert processes_below(temporary) == []
