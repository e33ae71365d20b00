"""Refuses a device that a worker cannot compute on."""

from common.errors import SettingsError


def require(device: str, flag: str, engine: str = "") -> None:
    """Raise SettingsError unless PyTorch is here and has `device`: cpu or cuda.

    It names `flag`, which chose the device. On the CPU it names `engine` instead, the flag and
    its value that chose PyTorch, if there is one.
    """
    try:
        import torch
    except ImportError:
        cure = "pip install 'callscribe[gpu]'"
        chosen = engine if engine and device == "cpu" else flag
        raise SettingsError(f"{chosen}: PyTorch is not installed: {cure}") from None
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            f"{flag} cuda: PyTorch {torch.__version__} finds no CUDA device here: it needs an"
            " NVIDIA driver, for CUDA 13 of version 580 or newer, a GPU that this process may use,"
            " and a build of PyTorch for CUDA"
        )
