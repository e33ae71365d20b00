"""Starting vLLM: its options, its environment, and one line that says why it cannot start."""

import os
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr_worker.api import EngineUnusable
from asr_worker.serving import plugin
from asr_worker.serving.model_kind import Check

_ENVIRONMENT = {
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    # FlashInfer's sampler is compiled at the start, and without a CUDA compiler the start fails
    # (vllm-project/vllm#49497). Greedy decoding samples nothing.
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
}
"""Defaults for the environment variables that vLLM reads."""
_QUIET = {"enable_log_requests": False, "disable_log_stats": True, "use_tqdm_on_load": False}
_CHILD_ENVIRONMENT = {"PYTHONWARNINGS": "ignore"}
"""The environment of the engine's processes only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSettings:
    """`device`: ``cpu``, ``cuda`` or None, which requires a GPU.

    `options` are vLLM's own (`AsyncEngineArgs`); `flag` is the setting with the user's options,
    `fixed` the options that it may not change. `architecture` is the class that serves the model,
    if `check` accepts its configuration.
    """

    model: str
    device: str | None
    options: Mapping[str, Any]
    fixed: Mapping[str, Any]
    flag: str
    architecture: str
    check: Check


def load(settings: RuntimeSettings, abandoned: threading.Event) -> Any:
    """Return a running AsyncLLM; blocks for seconds to minutes.

    Raises EngineUnusable, one line that says what to change, also once `abandoned` is set.
    """
    if _is_path(settings.model) and not Path(settings.model).is_dir():
        raise EngineUnusable(f"model {settings.model!r}: there is no such directory")
    taken = sorted(settings.options.keys() & settings.fixed.keys())
    if taken:
        raise EngineUnusable(f"{settings.flag}: {', '.join(taken)} cannot be set there")
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as directory:
        # An operator can do nothing about the warnings of vLLM's dependencies.
        warnings.simplefilter("ignore")
        reason = Path(directory) / "reason"
        try:
            with _environment({**_CHILD_ENVIRONMENT, plugin.REASON_FILE: str(reason)}):
                return _build(settings, abandoned)
        except EngineUnusable:
            raise
        except Exception as error:
            text = reason.read_text(encoding="utf-8") if reason.exists() else str(error)
            # Not chained: that would keep the half-built engine alive until the interpreter ends.
            raise EngineUnusable(_advice(settings, text)) from None


def _build(settings: RuntimeSettings, abandoned: threading.Event) -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # A forked child would keep this process's sockets and signal handlers, and miss the work of
    # `plugin`. On CUDA vLLM forks by default.
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"
    try:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.platforms import current_platform
        from vllm.transformers_utils.config import get_config
        from vllm.v1.engine.async_llm import AsyncLLM
    except ImportError as error:
        raise EngineUnusable(
            f"vLLM is not installed ({one_line(error)}): install the extra asr-vllm"
        ) from error
    _check_device(settings.device, current_platform)
    plugin.register()
    try:
        config = get_config(settings.model, trust_remote_code=False)
    except Exception as error:
        raise EngineUnusable(
            f"model {settings.model!r}: neither a directory that holds a model nor a name that"
            f" the model hub knows or can be asked about from here ({one_line(error)})"
        ) from None
    if (trouble := settings.check(config)) is not None:
        raise EngineUnusable(f"model {settings.model!r}: {trouble}")
    try:
        arguments = AsyncEngineArgs(
            **{**_QUIET, **settings.options, **settings.fixed},
            model=settings.model,
            hf_overrides={"architectures": [settings.architecture]},
        )
    except TypeError as error:
        raise EngineUnusable(f"{settings.flag}: {one_line(error)}") from error
    if abandoned.is_set():
        raise EngineUnusable("the start was abandoned")
    engine = AsyncLLM.from_engine_args(arguments)
    if abandoned.is_set():
        engine.shutdown()
    return engine


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, and restore them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _is_path(model: str) -> bool:
    """Tell a directory from the name of a model on the hub, which is ``owner/name``."""
    return model.startswith((".", "/", "~"))


def _check_device(wanted: str | None, platform: Any) -> None:
    if wanted == "cpu" and not platform.is_cpu():
        raise EngineUnusable("device cpu: this build of vLLM is not for the CPU")
    if wanted != "cpu" and not platform.is_cuda_alike():
        raise EngineUnusable(
            "no GPU: vLLM sees none here (is the driver installed, is the container given the"
            " device?); the whisper engine runs without one"
        )


def _advice(settings: RuntimeSettings, text: str) -> str:
    """Return one line: what is wrong with the start and what to change."""
    line = one_line(text)
    lower = text.lower()
    for signs, advice in _ADVICE:
        if any(sign in lower for sign in signs):
            return f"model {settings.model!r}: {advice.format(flag=settings.flag)} ({line})"
    return f"model {settings.model!r} cannot be served: {line}"


_ADVICE = (
    (
        (
            "out of memory",
            "free memory on device",
            "no available memory for the cache",
            "kv cache is needed",
            "available kv cache memory",
        ),
        "too little memory: lower max_model_len or max_num_seqs, or change"
        " gpu_memory_utilization, in {flag}, or take a smaller model",
    ),
    (
        ("driver version is insufficient", "driver is too old", "no kernel image"),
        "the NVIDIA driver does not fit this build of vLLM: update the driver",
    ),
)


def one_line(error: object) -> str:
    """Return an error's text in one line of limited length."""
    return " ".join(str(error).split())[:300]
