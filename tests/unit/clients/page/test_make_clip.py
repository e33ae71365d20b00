"""The clip that the page sends: what the script cuts, and what is said in it."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT

SOURCES = ROOT / "clients" / "page" / "src" / "look"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_clip", ROOT / "clients" / "page" / "make_clip.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_clip_is_what_the_script_cuts(script: ModuleType, tmp_path: Path):
    script.cut(tmp_path / "clip.wav")
    clip = (SOURCES / "clip.wav").read_bytes()
    assert clip == (tmp_path / "clip.wav").read_bytes()
    assert len(clip) <= 60_000


def test_the_page_knows_what_is_said(script: ModuleType):
    sample = json.loads(script.SAMPLE.with_suffix(".json").read_text())
    (turn,) = (
        each
        for each in sample["turns"]
        if each["channel"] == script.CHANNEL and script.FROM < each["start"] < script.TO
    )
    assert turn["end"] < script.TO
    assert f'"{turn["text"]}"' in (SOURCES / "clip.ts").read_text()
