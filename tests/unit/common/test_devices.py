"""A device that is not there is refused with its reason."""

import sys
from importlib.util import find_spec

import pytest

from common import devices
from common.errors import SettingsError


@pytest.mark.parametrize(
    ("device", "engine", "named"),
    [
        ("cpu", "--vad-engine torch", "--vad-engine torch"),
        ("cpu", "", "--vad-device"),
        ("cuda", "--vad-engine torch", "--vad-device"),
    ],
)
def test_without_pytorch_the_extra_is_named(monkeypatch, device, engine, named):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SettingsError) as refused:
        devices.require(device, "--vad-device", engine)
    assert str(refused.value) == (
        f"{named}: PyTorch is not installed: pip install 'callscribe[gpu]'"
    )


@pytest.mark.skipif(find_spec("torch") is None, reason="needs PyTorch: make test-vllm has it")
def test_a_missing_gpu_is_named_and_the_cpu_is_there(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    devices.require("cpu", "--vad-device")
    refused = r"^--vad-device cuda: PyTorch .* no CUDA device here: .* version 580 or newer"
    with pytest.raises(SettingsError, match=refused):
        devices.require("cuda", "--vad-device")
