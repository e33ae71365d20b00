"""One real stack, real speech, and clients of other systems that know nothing of ours.

A client is a script. It runs in an environment of its own (`environments`), speaks a recording at
its own pace, and prints a `Report`. `make test-clients` runs all of them.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import pytest
import soundfile

from bench import record
from callscribe import sample
from callscribe.loadtest.scoring import word_errors
from common.audio import FloatArray
from tests.clients import environments
from tests.clients.environments import ROOT, NotInstalled
from tests.clients.speaking import Report
from tests.integration.conftest import RunningStack, running_stack
from tests.real_redis import real_redis

LEAD = 0.5
"""Seconds of silence before the speech of a recording."""
PAUSE = 1.5
"""Seconds of silence after each sentence: longer than what ends an utterance."""
LIMIT = 150
"""Seconds that a client may take."""
MEASUREMENTS = ROOT / "docs" / "measurements"

Figures = dict[str, list[dict[str, Any]]]
"""Of each client, by the test file it is of."""
_figures = pytest.StashKey[Figures]()


@dataclass(frozen=True)
class Recording:
    """Speech as a WAV file, PCM16 of one channel, and its words."""

    path: Path
    rate: int
    reference: str


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """The default stack."""
    with real_redis() as own, running_stack(own.url) as running:
        yield running


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Sentences that are read aloud, at 16 kHz; the sample call's agent where they are absent."""
    speech = ROOT.parent / "shared" / "data" / "speech"
    read = [(path, path.with_suffix(".txt")) for path in sorted(speech.glob("librivox_*.wav"))]
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    if not read:
        audio, rate = soundfile.read(sample.AUDIO, dtype="float32", always_2d=True)
        soundfile.write(path, audio[:, 0], rate, subtype="PCM_16")
        return Recording(path, rate, sample.references()[0])
    parts: list[FloatArray] = [np.zeros(round(LEAD * 16_000), np.float32)]
    for spoken, _ in read:
        audio, rate = soundfile.read(spoken, dtype="float32")
        assert rate == 16_000
        parts += [audio, np.zeros(round(PAUSE * rate), np.float32)]
    soundfile.write(path, np.concatenate(parts), 16_000, subtype="PCM_16")
    return Recording(path, 16_000, " ".join(text.read_text() for _, text in read))


RunClient = Callable[..., Report]


@pytest.fixture
def run_client(stack: RunningStack, recording: Recording) -> RunClient:
    """Return a function that runs a script of this directory in an environment.

    `environment` is `node` for JavaScript. The script speaks the recording to the stack.
    """

    def run(script: str, environment: str, *more: str) -> Report:
        try:
            command = _command(script, environment)
        except NotInstalled as missing:
            pytest.skip(str(missing))
        url = f"ws://127.0.0.1:{stack.port}"
        given: Sequence[str | Path] = ["--url", url, "--audio", recording.path, *more]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            [*command, *given], cwd=ROOT, env=env, capture_output=True, text=True, timeout=LIMIT
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return Report(**json.loads(done.stdout.splitlines()[-1]))

    return run


@pytest.fixture
def run_example(tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs the Python example of a page and returns what it prints.

    `arguments` are those of its command line.
    """

    def run(page: Path, environment: str, *arguments: str | Path) -> str:
        (example,) = re.findall(
            r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE
        )
        script = tmp_path / "example.py"
        script.write_text(example)
        try:
            python = environments.python(environment)
        except NotInstalled as missing:
            pytest.skip(str(missing))
        command = [python, script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout

    return run


def _command(script: str, environment: str) -> list[str | Path]:
    if environment == "node":
        return [environments.node(), environments.HERE / script]
    return [environments.python(environment), "-m", f"tests.clients.{Path(script).stem}"]


@pytest.fixture
def heard_well(recording: Recording, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return a function that asserts what holds for every client, and notes its figures.

    `most_wrong` is a share of the words, `interims` whether the client shows interim results.
    """

    def check(report: Report, *, most_wrong: float, interims: bool = True) -> None:
        assert report.errors == []
        assert bool(report.interims) == interims, "interim results"
        texts = " ".join(str(final["text"]) for final in report.finals)
        wrong, words = word_errors([recording.reference], [texts])
        assert wrong / words <= most_wrong, f"{wrong} of {words} words are wrong: {texts}"
        noted = request.config.stash.setdefault(_figures, {})
        suite = request.path.stem.removeprefix("test_")
        noted.setdefault(suite, []).append(_figure(report, wrong / words))

    return check


def _figure(report: Report, wer: float) -> dict[str, Any]:
    late = [float(final["at"]) - float(final["end"]) for final in report.finals if final["text"]]
    p95 = quantiles(late, n=20, method="inclusive")[-1] if len(late) > 1 else late[0]
    return {
        "client": report.client,
        "version": report.version,
        "wer_percent": round(100 * wer, 1),
        "first_interim_s": round(report.interims[0] - LEAD, 2) if report.interims else None,
        "final_s": [round(median(late), 2), round(p95, 2)],
    }


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--record`, which keeps the figures for the documents (docs/figures)."""
    parser.addoption("--record", action="store_true", help="write the figures into the documents")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the figures of each client, and keep them if asked for."""
    noted: Figures = {}
    for suite, figures in config.stash.get(_figures, noted).items():
        figures.sort(key=lambda figure: str(figure["client"]))
        for figure in figures:
            terminalreporter.write_line(json.dumps(figure))
        if config.getoption("--record"):
            record.write(MEASUREMENTS / f"clients-{suite}.json", figures)
