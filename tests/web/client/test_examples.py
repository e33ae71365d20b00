"""The examples for JavaScript do what they say, on the real stack with the sample call."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import soundfile

from callscribe import sample
from tests.conftest import ROOT
from tests.web.client.conftest import CLIENTS, LIMIT

pytestmark = pytest.mark.model_text

EXAMPLES = ROOT / "examples"
ANSWERED = "thank you for calling northwind energy"
SPOKEN = "my name is daniel carter"


def plain(text: str) -> str:
    """Return a text without case and punctuation."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def recording(path: Path, channel: int | None = None, rate: int = 8_000) -> Path:
    """Write the sample call's beginning, or one of its channels."""
    audio, own = soundfile.read(sample.AUDIO, 13 * 8_000, dtype="float32", always_2d=True)
    assert own == 8_000
    said = audio if channel is None else audio[:, channel].repeat(rate // own)
    kind = "RAW" if path.suffix == ".raw" else "WAV"
    soundfile.write(path, said, rate, subtype="PCM_16", format=kind)
    return path


def printed(node: str, project: Path, name: str, *arguments: str | Path, **env: str) -> str:
    """Run an example in a project that has the package; return what it printed."""
    shutil.copy(EXAMPLES / name, project)
    done = subprocess.run(
        [node, project / name, *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_recording_is_transcribed_with_times_and_channels(stack, node, project, tmp_path):
    path = recording(tmp_path / "call.wav")
    lines = printed(node, project, "transcribe_file.mjs", path, stack.url).splitlines()
    found = [re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} ([01]): (.+)", line) for line in lines]
    assert all(found)
    said = {
        channel: plain(" ".join(each[2] for each in found if each and each[1] == channel))
        for channel in "01"
    }
    assert ANSWERED in said["0"]
    assert SPOKEN in said["1"]


def test_a_recorder_of_the_system_is_transcribed(stack, node, project, tmp_path):
    path = recording(tmp_path / "call.raw", channel=0, rate=16_000)
    text = printed(node, project, "microphone.mjs", stack.url, RECORD=f"cat {path}")
    assert ANSWERED in plain(text)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *values: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder; the URL has no slash at its end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def caption(page: Any, url: str) -> str:
    """Press Start, and Stop once enough was said; return what the page then shows."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    page.get_by_role("button", name="Start").click()
    page.get_by_text("Northwind").first.wait_for(timeout=LIMIT * 500)
    page.get_by_text("help you").first.wait_for(timeout=LIMIT * 500)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("status").get_by_text("finished").wait_for(timeout=LIMIT * 500)
    assert errors == []
    return str(page.inner_text("body"))


def test_a_page_without_a_bundler_shows_captions(stack, node, launch, tmp_path):
    speech = recording(tmp_path / "speech.wav", channel=0, rate=48_000)
    with served(ROOT) as base, launch(speech).new_page() as page:
        shown = caption(page, f"{base}/examples/browser.html?server={stack.url}")
    assert ANSWERED in plain(shown)


def test_a_react_component_shows_captions(stack, node, project, launch, tmp_path):
    speech = recording(tmp_path / "speech.wav", channel=0, rate=48_000)
    folder = project / "react"
    shutil.copytree(EXAMPLES / "react", folder, dirs_exist_ok=True)
    vite = CLIENTS / "node_modules" / "vite" / "bin" / "vite.js"
    build = [node, vite, "build", "--logLevel", "warn"]
    subprocess.run(build, cwd=folder, check=True, capture_output=True, timeout=LIMIT)
    with served(folder / "dist") as base, launch(speech).new_page() as page:
        shown = caption(page, f"{base}/?server={stack.url}")
    assert ANSWERED in plain(shown)
