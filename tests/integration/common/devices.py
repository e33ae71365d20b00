"""The devices of torch that tests run on: those that this machine has."""

from importlib.util import find_spec

import pytest


def _has_cuda() -> bool:
    if find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


CUDA = pytest.mark.skipif(not _has_cuda(), reason="there is no GPU that PyTorch can use")
DEVICES = ("cpu", pytest.param("cuda", marks=CUDA))
