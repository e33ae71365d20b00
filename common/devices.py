"""Refuses a device that a worker cannot compute on."""

from common.errors import SettingsError


def require(device: str, flag: str) -> None:
    """Raise SettingsError, naming `flag`, unless PyTorch is here and has `device`: cpu or cuda."""
    try:
        import torch
    except ImportError:
        cure = "pip install 'callscribe[gpu]'"
        raise SettingsError(f"{flag}: PyTorch is not installed: {cure}") from None
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            f"{flag} cuda: PyTorch {torch.__version__} finds no CUDA device here: it needs an"
            " NVIDIA driver, a GPU that this process may use, and a build of PyTorch for CUDA"
        )
