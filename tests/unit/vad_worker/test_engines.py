"""An engine whose library is missing is refused by the flag that chose it."""

import sys

import pytest

from common.errors import SettingsError
from vad_worker import engines
from vad_worker.settings import VadSettings


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"vad_engine": "torch"}, "--vad-engine torch"),
        ({"vad_device": "cuda"}, "--vad-device"),
    ],
)
def test_without_pytorch_the_flag_that_chose_it_is_named(monkeypatch, chosen, named):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SettingsError, match=f"^{named}: PyTorch is not installed"):
        engines.build(VadSettings(**chosen))
