"""An engine whose library is missing is refused by the flag that chose it."""

import sys

import pytest

from common.errors import SettingsError
from denoise_worker import engines
from denoise_worker.settings import DenoiseSettings


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"denoise_engine": "torch"}, "--denoise-engine torch"),
        ({"denoise_device": "cuda"}, "--denoise-device"),
    ],
)
def test_without_pytorch_the_flag_that_chose_it_is_named(monkeypatch, chosen, named):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SettingsError, match=f"^{named}: PyTorch is not installed"):
        engines.build(DenoiseSettings(**chosen))
