from pathlib import Path

import pytest

from common.errors import SettingsError
from common.settings import load
from denoise_worker.settings import DenoiseSettings


@pytest.mark.parametrize("flags", [[], ["--dfn-model", "DeepFilterNet3"]])
def test_the_bundled_model_goes_by_its_name(flags):
    settings = load(DenoiseSettings, flags, {})
    assert settings.dfn_model == "DeepFilterNet3"
    assert settings.model_path is None


def test_another_export_goes_by_its_path(tmp_path):
    archive = tmp_path / "mine.tar.gz"
    archive.touch()
    assert load(DenoiseSettings, ["--dfn-model", str(archive)], {}).model_path == archive


@pytest.mark.parametrize("name", ["DeepFilterNet", "DeepFilterNet2", "deepfilternet3", "/nope"])
def test_a_model_that_is_not_there_is_refused_with_what_is(name):
    with pytest.raises(SettingsError) as caught:
        load(DenoiseSettings, ["--dfn-model", name], {})
    assert str(caught.value) == (
        f"--dfn-model: no model or file {name!r}; "
        "there is DeepFilterNet3, or the path of another export of it (.tar.gz)"
    )


def test_a_directory_is_no_model(tmp_path: Path):
    with pytest.raises(SettingsError, match="no model or file"):
        DenoiseSettings(dfn_model=str(tmp_path))


@pytest.mark.parametrize(
    ("flags", "engine"),
    [([], "numpy"), (["--device", "cuda"], "torch"), (["--engine", "torch"], "torch")],
)
def test_the_device_chooses_unless_an_engine_is_named(flags, engine):
    assert load(DenoiseSettings, flags, {}).engine == engine


def test_numpy_is_refused_on_cuda():
    with pytest.raises(SettingsError) as refused:
        load(DenoiseSettings, ["--engine", "numpy", "--device", "cuda"], {})
    assert str(refused.value) == "--denoise-engine numpy: only torch computes on cuda"
