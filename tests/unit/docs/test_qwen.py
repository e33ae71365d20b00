"""docs/qwen.md tells the engine's real settings, options, languages and errors."""

import asyncio
import json
import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from asr_worker.api import EngineSettings
from asr_worker.engines import vllm
from asr_worker.json_options import json_object
from asr_worker.serving import loading, model_kind
from asr_worker.settings import AsrSettings
from common.errors import SettingsError
from common.languages import ALIGNABLE, QWEN_BY_CODE
from common.options import SessionOptions
from common.settings import Definition, definitions, settings_classes
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "qwen.md").read_text()


def rows(title, number=0):
    """Return one table of a section as its rows of cells, its heading left out."""
    _, _, rest = PAGE.partition(f"\n## {title}\n")
    assert rest, f"the page has no section {title}"
    tables = re.findall(r"(?:^\|.*\n?)+", rest.partition("\n## ")[0], re.MULTILINE)
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in tables[number].splitlines()]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def coded(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_every_variable_exists():
    known = {each.variable for cls in settings_classes().values() for each in settings_of(cls)}
    assert set(re.findall(r"CALLSCRIBE_\w+", PAGE)) <= known


def settings_of(cls) -> list[Definition]:
    return list(definitions(cls).values())


def test_the_defaults_are_those_of_the_engine():
    own = {
        "--asr-model": vllm._MODEL,
        "--asr-slots": str(vllm.SLOTS),
        "--asr-concurrency": str(vllm.build(EngineSettings()).concurrency),
        "--max-new-tokens": str(vllm._MOST_TOKENS),
    }
    known = {each.flag: each for each in settings_of(AsrSettings)}
    for flag, default, _ in rows("Settings"):
        (name,) = coded(flag)
        assert default == own.get(name, known[name].show(known[name].default)), name


def test_the_options_of_vllm_are_those_that_are_set():
    ours = {coded(row[0])[0]: json.loads(row[1]) for row in rows("Settings", 1)}
    assert ours == vllm._OPTIONS
    fixed = {coded(row[0])[0]: row[1] for row in rows("Settings", 2)}
    told = {name: str(value).lower() for name, value in vllm._FIXED.items()}
    limits: Any = vllm._FIXED["limit_mm_per_prompt"]
    told["limit_mm_per_prompt"] = f"{limits['audio']} clips"
    assert fixed == told


def test_the_examples_are_accepted():
    examples = re.findall(r"^CALLSCRIBE_(ASR|ALIGN)_VLLM_OPTIONS='(.+)'", PAGE, re.MULTILINE)
    assert len(examples) >= 4
    for _, example in examples:
        assert not json_object(example, "").keys() & vllm._FIXED.keys()


def test_the_options_of_a_call_have_these_defaults():
    defaults = SessionOptions()
    for names, values, _ in rows("How it recognises"):
        for name, value in zip(coded(names), coded(values), strict=True):
            default = getattr(defaults, name)
            assert json.loads(value) == (list(default) if name == "keywords" else default), name
    covered = defaults.unfixed_chunk_num * defaults.chunk_size_sec
    assert f"more than their product, {covered:g} s" in PAGE


def test_the_languages_are_those_of_the_model():
    _, _, rest = PAGE.partition("<!-- languages -->")
    told = re.findall(r"(\w+) `(\w+)`( †)?", rest.partition("<!-- /languages -->")[0])
    assert [name for name, *_ in told] == sorted(QWEN_BY_CODE.values())
    assert {code: name for name, code, _ in told} == QWEN_BY_CODE
    assert {name for name, _, timed in told if timed} == ALIGNABLE


def test_the_arithmetic_is_right():
    page = " ".join(PAGE.split())
    token = 28 * 2 * 8 * 128 * 2
    assert f"{token / 1024:g} KiB per token" in page
    assert f"{13 * token / 2**20:.2f} MiB per second" in page
    assert f"128 × 30 s are {128 * 30 * 13 * token / 2**30:.1f} GiB" in page
    assert f"= {0.5 * 1031 / (0.45 * (3 / 0.5 + 1)):.0f}. " in page
    batched = vllm._OPTIONS["max_num_batched_tokens"]
    assert f"this is {batched // 13} s" in page


def complaints(monkeypatch):
    """Return what the worker says when it cannot start, in all the ways that it knows."""
    settings = vllm.build(EngineSettings())._runtime._settings
    for signs, _ in loading._ADVICE:
        yield loading._advice(settings, signs[0])
    for config in (
        SimpleNamespace(model_type="whisper"),
        SimpleNamespace(model_type="qwen3_asr", classify_num=5000),
    ):
        yield f"model {settings.model!r}: {model_kind.not_a_recogniser(config)}"
    absent = SimpleNamespace(is_cpu=lambda: False, is_cuda_alike=lambda: False)
    with pytest.raises(SettingsError) as no_gpu:
        loading._check_device(None, absent)
    yield str(no_gpu.value)
    with pytest.raises(SettingsError) as not_json:
        json_object("{max_num_seqs: 1}", "--asr-vllm-options")
    yield str(not_json.value)
    monkeypatch.setitem(sys.modules, "vllm", None)
    for model in ("owner/name", "/nowhere"):
        with pytest.raises(SettingsError) as unusable:
            asyncio.run(vllm.build(EngineSettings(model=model)).start())
        yield str(unusable.value)


def test_the_errors_are_what_is_printed(monkeypatch):
    lines = [line for row in rows("Troubleshooting") for line in coded(row[0])]
    told = [line for line in lines if line.startswith("callscribe asr: ")]
    patterns = [re.escape(line).replace("…", ".+") for line in told]
    for said in complaints(monkeypatch):
        line = f"callscribe asr: {said}"
        assert [each for each in patterns if re.fullmatch(each, line)], line
