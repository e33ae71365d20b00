"""A worker that cannot compute where it is told to ends, and says why in a line."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from common.lifecycle import EXIT_MISUSE

if find_spec("torch") is None:
    HERE = "PyTorch is not installed: pip install 'callscribe[gpu]'"
else:
    import torch

    HERE = "finds no CUDA device here"
    if torch.cuda.is_available():
        pytest.skip("this machine has what is missed here", allow_module_level=True)


@pytest.mark.parametrize("service", ["vad", "denoise"])
def test_a_worker_without_the_device_says_so_and_ends(redis_url, service):
    command = [sys.executable, "-m", "callscribe", service, "--redis-url", redis_url]
    done = subprocess.run([*command, "--device", "cuda"], capture_output=True, text=True)
    assert done.returncode == EXIT_MISUSE
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"callscribe {service}: --{service}-device")
    assert HERE in line
