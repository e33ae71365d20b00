"""Clients as the documents of RNN-T servers print them: only the URL is changed.

The documents are not part of this repository; without them these tests are skipped.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import soundfile

from common.audio import SAMPLE_RATE
from tests.clients import environments
from tests.clients.environments import HERE, ROOT, NotInstalled
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import clip, said

FOX = "The quick brown fox jumps over the lazy dog."
PRINTED_URL = "ws://localhost:8000/ws/transcribe"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MICROPHONE = '''
"""Stands in for PyAudio: the microphone is the file $RECORDING, read as it would be spoken."""
import os, time, wave
import numpy as np

paFloat32 = 1


class PyAudio:
    def open(self, *, format, channels, rate, input, frames_per_buffer):
        assert (format, channels, rate, input) == (paFloat32, 1, 16000, True)
        return self

    def read(self, frames):
        if not hasattr(self, "audio"):
            self.audio, self.due = wave.open(os.environ["RECORDING"]), time.monotonic()
        self.due += frames / 16000
        time.sleep(max(0.0, self.due - time.monotonic()))
        heard = np.frombuffer(self.audio.readframes(frames), np.int16)
        heard = np.pad(heard, (0, frames - len(heard)))
        return (heard / np.float32(32768)).astype(np.float32).tobytes()

    def close(self):
        pass
'''

pytestmark = pytest.mark.timeout(180)


def printed(language: str, part: str) -> str:
    """Return the block of code in this language that has this part."""
    documents = sorted((ROOT.parent / "shared" / "seeds").glob("003_*.txt"))
    if not documents:
        pytest.skip("the documents are not here")
    blocks = re.findall(rf"```{language}\n(.*?)```", documents[0].read_text(), re.DOTALL)
    (found,) = [block for block in blocks if part in block]
    return str(found)


def moved(source: str, stack: RunningStack) -> str:
    """Return a client with the stack's URL in place of the printed one."""
    assert source.count(PRINTED_URL) == 1
    return source.replace(PRINTED_URL, f"ws://127.0.0.1:{stack.port}/ws/transcribe")


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """Two sentences with a pause behind each, in less than 10 s."""
    fox = clip("quick_brown_fox")
    audio = said(0.3, fox, 1.2, fox, 2.0)
    assert len(audio) < 10 * SAMPLE_RATE
    soundfile.write(tmp_path / "spoken.wav", audio, SAMPLE_RATE, subtype="PCM_16")
    return tmp_path / "spoken.wav"


def run(command: Sequence[str | Path], **variables: str) -> str:
    env = {**os.environ, "NO_PROXY": "127.0.0.1", **variables}
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def node() -> Path:
    try:
        return environments.node()
    except NotInstalled as missing:
        pytest.skip(str(missing))


def shown(page: Path, spoken: Path, *more: str) -> dict[str, Any]:
    """Open a page in a browser, speak, and return what it shows."""
    browser = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("there is no browser: set CHROMIUM")
    command: list[str | Path] = [
        node(),
        HERE / "printed_page.mjs",
        "--page",
        page,
        "--audio",
        spoken,
    ]
    output = run([*command, "--seconds", "12", *more], CHROMIUM=browser)
    found: dict[str, Any] = json.loads(output)
    return found


def test_the_python_client(stack: RunningStack, spoken: Path, tmp_path: Path):
    try:
        python = environments.python("printed")
    except NotInstalled as missing:
        pytest.skip(str(missing))
    (tmp_path / "pyaudio.py").write_text(MICROPHONE)
    client = tmp_path / "client.py"
    client.write_text(moved(printed("python", "pyaudio"), stack))
    output = run([python, client], PYTHONPATH=str(tmp_path), RECORDING=str(spoken))
    assert output.splitlines() == [f"Transcription: {FOX}"] * 2


def test_a_node_client(stack: RunningStack, spoken: Path):
    url = f"ws://127.0.0.1:{stack.port}"
    heard = json.loads(run([node(), HERE / "printed_node.mjs", "--url", url, "--audio", spoken]))
    assert heard == {"text": f"{FOX} {FOX}", "errors": []}


PAGES = pytest.mark.parametrize(
    ("language", "part", "stop"),
    [("html", "createScriptProcessor", False), ("jsx", "RNNTRecorder", True)],
    ids=["browser", "react"],
)


def page(tmp_path: Path, language: str, source: str) -> Path:
    path = tmp_path / f"page.{language}"
    path.write_text(source + ("export default RNNTRecorder;\n" if language == "jsx" else ""))
    return path


@PAGES
def test_a_page(stack: RunningStack, spoken: Path, tmp_path: Path, language, part, stop):
    source = moved(printed(language, part), stack)
    # Browsers take only powers of two; with the printed number no audio is ever recorded.
    source = source.replace("createScriptProcessor(1600", "createScriptProcessor(2048")
    found = shown(page(tmp_path, language, source), spoken, *(["--stop"] if stop else []))
    assert found == {"text": f"{FOX} {FOX}", "errors": []}


@PAGES
def test_a_page_with_the_printed_buffer_is_refused_by_the_browser(
    stack: RunningStack, spoken: Path, tmp_path: Path, language, part, stop
):
    source = moved(printed(language, part), stack)
    found = shown(page(tmp_path, language, source), spoken, "--seconds", "1")
    (error,) = found["errors"]
    assert "buffer size (1600) must be" in error
