"""Finding engines by name."""

import pytest

from asr_worker.api import EngineSettings
from asr_worker.engines import available, build
from common.errors import SettingsError


def test_every_module_is_an_engine_that_builds_unloaded():
    assert "whisper" in available()
    assert build("whisper", EngineSettings(concurrency=3)).concurrency == 3


def test_an_unknown_name_tells_which_there_are():
    with pytest.raises(SettingsError, match=r"no ASR engine 'wisper'.*whisper"):
        build("wisper", EngineSettings())


def test_whose_death_a_worker_survives_is_known():
    assert not build("whisper", EngineSettings()).isolated
    assert build("vllm", EngineSettings()).isolated
