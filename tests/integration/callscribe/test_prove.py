"""A short proof on the real stack. Two slots of VAD bound it: how fast this machine is may not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FLAGS = ("--vad-slots", "2", "--denoise", "0", "--runs", "1", "--dwell", "5", "--minutes", "0.1")
EASY = ("--final-ms", "60000", "--partial-ms", "60000", "--wer-points", "100")


@pytest.fixture
def prove(tmp_path):
    """Starts the command with a temporary directory of its own, `tmp_path / "temporary"`."""
    running = []
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def start(*flags):
        command = [sys.executable, "-m", "callscribe", "prove", *FLAGS, *EASY, *flags]
        process = subprocess.Popen(
            command,
            env={**os.environ, "TMPDIR": str(temporary), "CALLSCRIBE_ASR_LEGS": "77"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


def left_of(temporary: Path) -> list[str]:
    """Return the command lines of processes that have this directory in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(temporary).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_a_figure_is_found_proved_and_applied(prove, tmp_path):
    paths = {name: tmp_path / f"proof.{name}" for name in ("json", "png", "env")}
    paths["env"].write_text("CALLSCRIBE_LANGUAGE=en\n")
    process = prove(
        *("--json", str(paths["json"]), "--plot", str(paths["png"]), "--apply", str(paths["env"]))
    )
    output, errors = process.communicate(timeout=400)
    assert process.returncode == 0, output + errors
    report = json.loads(paths["json"].read_text())
    assert report["proved"]
    assert (report["limits"], report["calls"]) == ([2], 1)
    assert "this machine carries 1 calls" in output
    assert paths["env"].read_text() == "CALLSCRIBE_LANGUAGE=en\nCALLSCRIBE_ASR_LEGS=1\n"
    assert paths["png"].read_bytes().startswith(b"\x89PNG")
    assert len(report["model"]["sha256"]) == len(report["corpus"]["sha256"]) == 64
    searched = {each["calls"]: each for each in report["trials"] if each["phase"] == "run 1"}
    assert {calls: each["held"] for calls, each in searched.items()} == {
        2: True,
        3: False,
        4: False,
    }
    assert any("of 4 calls up: " in text for text in searched[4]["breaches"])
    figure, surplus = report["trials"][-2:]
    assert (figure["phase"], figure["calls"], figure["held"]) == ("figure", 1, True)
    assert figure["samples_ms"]["endpoint_to_final"]
    # One call too many: the recogniser's figure refuses it, though VAD has a slot left.
    assert (surplus["phase"], surplus["calls"], surplus["held"]) == ("surplus", 2, True)
    assert surplus["measured"]["most_up"] == 1
    assert set(surplus["load"]["calls"]["refusals"]) == {"asr_legs"}
    assert left_of(tmp_path / "temporary") == []


def test_an_interrupt_ends_everything_and_applies_nothing(prove, tmp_path):
    env, temporary = tmp_path / "proof.env", tmp_path / "temporary"
    process = prove("--apply", str(env))
    seen = ""
    while "2 up" not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    assert len(left_of(temporary)) >= 4, "the command, the gateway and the workers"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, output + errors
    assert "Traceback" not in seen + errors
    assert not env.exists()
    assert left_of(temporary) == []
    assert list(temporary.iterdir()) == []
