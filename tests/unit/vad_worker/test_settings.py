"""Which engine computes, by device and by name."""

import pytest

from common.errors import SettingsError
from common.settings import load
from vad_worker.settings import VadSettings


@pytest.mark.parametrize(
    ("flags", "engine"),
    [
        ([], "numpy"),
        (["--device", "cpu"], "numpy"),
        (["--device", "cuda"], "torch"),
        (["--engine", "torch"], "torch"),
        (["--engine", "torch", "--device", "cuda"], "torch"),
        (["--vad-engine", "official"], "official"),
    ],
)
def test_the_device_chooses_unless_an_engine_is_named(flags, engine):
    assert load(VadSettings, flags, {}).engine == engine


@pytest.mark.parametrize("engine", ["numpy", "official"])
def test_an_engine_of_the_cpu_is_refused_on_cuda(engine):
    with pytest.raises(SettingsError) as refused:
        load(VadSettings, ["--engine", engine, "--device", "cuda"], {})
    assert str(refused.value) == f"--vad-engine {engine}: only torch computes on cuda"
