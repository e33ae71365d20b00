"""A folder in which the commands of a document run as they are printed, against a real server."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from websockets.sync.client import connect

from callscribe import sample
from callscribe.commands.stack_flags import usual_ports
from tests.conftest import ROOT
from tests.integration.pipeline.calls import FINALIZE, config, said, sentence

CALLSCRIBE = f"""#!{sys.executable}
import os, signal, subprocess, sys
from callscribe.cli import main

if sys.argv[1] == "transcribe":
    sys.argv += ["--url", os.environ["SERVER"]]
if sys.argv[1] in ("trace", "watch"):
    sys.argv += ["--url", os.environ["PAGES"]]
if sys.argv[1] != "up":
    sys.exit(main())
up = [sys.executable, "-m", "callscribe", *sys.argv[1:], "--port", "0"]
process = subprocess.Popen(up, stdout=subprocess.PIPE, text=True)
line = process.stdout.readline()
print(line, end="")
process.send_signal(signal.SIGINT)
process.communicate()
sys.exit(0 if "is ready" in line else 1)
"""
"""The command: `up` ends as soon as it is ready, and what calls a server calls the tested one."""

PREAMBLE = f"""
set -eu -o pipefail
make() {{ command make --directory {ROOT} --dry-run --no-print-directory "$@"; }}
"""
"""What `make` would do is shown, not done: it would install everything."""

LIMIT_S = 150.0

_OF_MAKE = ("ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")


class Workshop:
    """The folder; `ports` says which port stands for a documented one."""

    def __init__(self, folder: Path, ports: Mapping[int, int]) -> None:
        self.folder = folder
        self._ports = ports
        for name in ("callscribe", "clients", "examples"):
            (folder / name).symlink_to(ROOT / name)
        programs = folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        self._program(programs / "callscribe", CALLSCRIBE)
        self._program(programs / "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        self._audio()

    @staticmethod
    def _program(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def _audio(self) -> None:
        sentence_pcm = np.rint(said(sentence(), 0.5) * 32_767).astype("<i2")
        soundfile.write(self.folder / "call.wav", sentence_pcm, 16_000)
        soundfile.write(self.folder / "call.mp3", sentence_pcm, 16_000)
        (self.folder / "call.raw").write_bytes(sentence_pcm.tobytes())

    def short_sample(self, seconds: float) -> Path:
        """Replace the sample call by its beginning, for commands that play it at its own pace."""
        audio, rate = soundfile.read(sample.AUDIO, dtype="int16", stop=round(seconds * 8_000))
        (self.folder / "callscribe").unlink()
        path = self.folder / "callscribe" / "sample" / "sample_call.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, audio, rate, subtype="ULAW")
        return path

    def moved(self, text: str) -> str:
        """Return a program whose addresses are those of the server under test."""
        return re.sub(
            r"\blocalhost([: ])(\d{4,5})\b",
            lambda found: f"127.0.0.1{found[1]}{self._ports[int(found[2])]}",
            text,
        )

    def shell(self, script: str, **variables: str) -> str:
        """Run the commands of a document with bash; return what they print."""
        return self._run(["bash", "-c", PREAMBLE + self.moved(script)], variables)

    def python(self, program: str, *arguments: str) -> str:
        """Run a program of a document; return what it prints."""
        return self._run([sys.executable, "-c", self.moved(program), *arguments], {})

    def _run(self, command: list[str], variables: Mapping[str, str]) -> str:
        # A reader's shell was not started by `make test ARGS=...`.
        own = {name: value for name, value in os.environ.items() if name not in _OF_MAKE}
        env = {
            **own,
            "PATH": f"{self.folder / '.venv' / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "SERVER": self.moved("ws://localhost:8000/ws/asr"),
            "PAGES": self.moved("http://localhost:8000"),
            **dict.fromkeys(usual_ports(), "none"),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            **variables,
        }
        done = subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=LIMIT_S
        )
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-4_000:]
        return done.stdout


def ended_call(workshop: Workshop, **options: Any) -> str:
    """Place a call of one sentence, and return its session id once it has ended."""
    with connect(workshop.moved("ws://localhost:8000/ws/asr"), proxy=None) as client:
        client.send(config(sample_rate=16_000, **options))
        client.send((workshop.folder / "call.raw").read_bytes())
        client.send(FINALIZE)
        first = json.loads(client.recv(timeout=30))
        for _ in client:
            pass
    return str(first["session_id"])
