"""Finding engines by name."""

import pytest

from asr_worker.api import EngineSettings
from asr_worker.engines import available, build, speech, weights
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


@pytest.mark.parametrize("name", ["whisper", "moonshine", "vllm"])
def test_what_speech_costs_beside_noise_is_known(name):
    assert 1 <= speech(name) <= 3


def test_where_the_weights_lie_is_known_for_a_directory(tmp_path):
    bundled = weights("whisper", EngineSettings())
    assert bundled is not None
    assert (bundled / "model.bin").is_file()
    for engine in ("whisper", "vllm"):
        assert weights(engine, EngineSettings(model=str(tmp_path))) == tmp_path
        assert weights(engine, EngineSettings(model="someone/a-name-at-the-hub")) is None


def test_where_moonshine_lies_is_known_for_any_name(tmp_path):
    assert weights("moonshine", EngineSettings(model=str(tmp_path))) == tmp_path


def test_an_engine_may_not_know_where_its_weights_are(monkeypatch):
    monkeypatch.delattr("asr_worker.engines.whisper.weights")
    assert weights("whisper", EngineSettings()) is None
