"""The load tester against the real stack."""

import json
import signal
import subprocess
import sys

import pytest

from tests.integration.conftest import wait_until


@pytest.fixture
def loadtest(stack, tmp_path):
    """Starts the command; its figures are in `tmp_path / "a.json"`."""
    running = []

    def start(*flags):
        command = [sys.executable, "-m", "callscribe", "loadtest", "--url", stack.url, *flags]
        command += ["--json", str(tmp_path / "a.json"), "--plot", str(tmp_path / "a.png")]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("flags", "channels"), [([], 1), (["--mulaw", "--stereo", "--call-length", "10"], 2)]
)
def test_real_calls_are_recognised(loadtest, tmp_path, flags, channels):
    process = loadtest("--sessions", "2", "--duration", "10", "--ramp", "1", *flags)
    output, errors = process.communicate(timeout=90)
    assert process.returncode == 0, output + errors
    report = json.loads((tmp_path / "a.json").read_text())
    assert report["complete"]
    assert report["calls"]["finished"] == report["calls"]["opened"] >= 2
    assert report["calls"]["most_up"] == 2
    assert report["results"]["finals"] > 0
    assert report["words"]["reference"] > 10
    assert report["words"]["wer"] < 0.3
    assert report["latency_s"]["finalisation"]["count"] > 0
    assert f"{['one channel', 'two channels'][channels - 1]}" in output
    assert "final, from the audio that decided the endpoint" in output
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


async def test_an_interrupt_ends_the_calls_and_reports(loadtest, stack, tmp_path):
    def sessions() -> int:
        return int(json.loads(stack.page("/ws/status")[1])["sessions"])

    process = loadtest("--sessions", "2", "--duration", "3600", "--ramp", "0")
    await wait_until(lambda: sessions() == 2, "both calls are up", timeout=30)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, output + errors
    report = json.loads((tmp_path / "a.json").read_text())
    assert report["calls"]["finished"] == report["calls"]["opened"] == 2
    assert report["calls"]["failed"] == 0
    assert "2 finished, 0 failed" in output
    assert "Traceback" not in errors
