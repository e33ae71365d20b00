"""The kinds of processes that a site has: what each runs, on what, and at which ports."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Gpu(Enum):
    """What of a GPU's libraries a process has."""

    TORCH = "torch"
    """CUDA by PyTorch."""
    VLLM = "vllm"
    """vLLM, which brings models into main memory first."""


@dataclass(frozen=True)
class Role:
    """A service of a host, a process or several: ``callscribe-<name>@<port>``.

    `service` is the command that runs it, with these `flags`; it logs in to Redis as this user.
    `does` says what for. `memory`: the most it may take, as systemd writes it; empty on a `gpu`.
    `usual`: a site has it unless it says otherwise.
    """

    name: str
    service: str
    first_port: int
    does: str = ""
    flags: Sequence[str] = ()
    memory: str = ""
    gpu: Gpu | None = None
    usual: bool = True

    @property
    def unit(self) -> str:
        """The template of its units, without its ending."""
        return f"callscribe-{self.name}"


GATEWAY = Role("gateway", "gateway", 8000)
WORKERS = (
    Role("vad", "vad", 9200, does="voice activity detection", memory="1G"),
    Role("denoise", "denoise", 9300, does="noise suppression", memory="2G"),
    Role(
        "asr",
        "asr",
        9400,
        does="recognition on CPU",
        flags=("--engine", "whisper", "--device", "cpu"),
        memory="4G",
    ),
    Role(
        "vad-gpu",
        "vad",
        9500,
        does="VAD on a GPU",
        flags=("--device", "cuda", "--slots", "1000"),
        gpu=Gpu.TORCH,
        usual=False,
    ),
    Role(
        "denoise-gpu",
        "denoise",
        9600,
        does="noise suppression on a GPU",
        flags=("--device", "cuda", "--slots", "400"),
        gpu=Gpu.TORCH,
        usual=False,
    ),
    Role(
        "asr-vllm",
        "asr",
        9700,
        does="recognition on a GPU",
        flags=("--engine", "vllm", "--device", "cuda"),
        gpu=Gpu.VLLM,
        usual=False,
    ),
    Role(
        "align",
        "align",
        9800,
        does="times of words, on a GPU",
        flags=("--device", "cuda"),
        gpu=Gpu.VLLM,
        usual=False,
    ),
)
"""The workers: of each stage those that differ in what they run on."""
ROLES = {role.name: role for role in (GATEWAY, *WORKERS)}
ADMIN_OFFSET = 1000
"""From a gateway's port to its operators' port."""
