"""One vLLM engine in this process and its child: start, requests, death, and plain errors.

`AsyncLLM` runs the scheduler and the model in a child process and batches whatever requests are in
flight, step by step. Cancelling a request aborts it in the child.
"""

import asyncio
import multiprocessing
import os
import tempfile
import threading
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr_worker.api import DecodeFailed, EngineDead, EngineUnusable
from asr_worker.serving import plugin
from asr_worker.serving.model_kind import Check
from common.audio import FloatArray
from common.errors import AtCapacity

Clips = Sequence[FloatArray | None]
"""float32 [128, frames] log-mel each; None for one sent before under the same identity."""

_ENVIRONMENT = {
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    # FlashInfer's sampler is compiled at the start, and without a CUDA compiler the start fails
    # (vllm-project/vllm#49497). Greedy decoding samples nothing.
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
}
"""What vLLM reads from the environment, where the operator has not said otherwise."""
_QUIET = {"enable_log_requests": False, "disable_log_stats": True, "use_tqdm_on_load": False}
_DEATH_WATCH_S = 0.25
_RETRY_AFTER = 0.5
_SHUTDOWN_S = 5.0


class DataMissing(DecodeFailed):
    """vLLM has dropped a clip that was left out; send it again.

    Its processor notices that by itself (ValueError), or the engine behind it (an output that
    ended in error), where the caches of the two have drifted apart.
    """


@dataclass(frozen=True, slots=True)
class Generated:
    """What one request gave. `finished`: the model ended the text itself."""

    text: str
    tokens: tuple[int, ...]
    finished: bool
    prompt_tokens: int
    cached_tokens: int
    """How many of `prompt_tokens` were in the KV cache."""
    logprobs: tuple[Mapping[int, float], ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSettings:
    """`device`: ``cpu``, ``cuda`` or None, which takes a GPU and refuses to do without.

    `options` are vLLM's own (`AsyncEngineArgs`); `flag` is the setting that holds those of the
    user, `fixed` what it may not change. `architecture` is the class that serves the model, if
    `check` finds nothing wrong with its configuration.
    """

    model: str
    device: str | None
    options: Mapping[str, Any]
    fixed: Mapping[str, Any]
    flag: str
    architecture: str
    check: Check


class Runtime:
    """A vLLM engine. All methods belong to one event loop."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings
        self._engine: Any = None
        self._abandoned = False
        self._count = 0

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the loaded model."""
        return self._engine.get_tokenizer()

    @property
    def unfinished(self) -> int:
        """Requests that were sent and neither ended nor aborted."""
        count: int = self._engine.output_processor.get_num_unfinished_requests()
        return count

    async def start(self) -> None:
        """Load the model. Raises EngineUnusable with what the operator has to change.

        Cancelling kills what vLLM has started so far.
        """
        loaded: Future[Any] = Future()
        loaded.set_running_or_notify_cancel()

        def load() -> None:
            try:
                loaded.set_result(self._load())
            except Exception as error:
                loaded.set_exception(error)

        # Of its own: the process could not end while a thread of the loop's pool is loading.
        threading.Thread(target=load, name="load", daemon=True).start()
        try:
            self._engine = await asyncio.wrap_future(loaded)
        except asyncio.CancelledError:
            self._abandoned = True
            for child in multiprocessing.active_children():
                child.kill()
            raise

    async def generate(
        self,
        prompt: str,
        clips: Clips,
        identities: Sequence[str],
        *,
        limit: int,
        priority: int,
        repetition_penalty: float = 1.0,
        logprobs: int | None = None,
    ) -> Generated:
        """Continue `prompt` greedily by at most `limit` tokens; a smaller `priority` goes first.

        `prompt` has one ``<|audio_pad|>`` per clip. `repetition_penalty` above 1 makes tokens that
        were there already less likely. Raises DataMissing, AtCapacity, DecodeFailed or EngineDead.
        Cancelling aborts the request.
        """
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        params = SamplingParams(
            temperature=0.0,
            max_tokens=limit,
            repetition_penalty=repetition_penalty,
            logprobs=logprobs,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        output = await self._request("generate", prompt, clips, identities, params, priority)
        completion = output.outputs[0]
        if completion.finish_reason == "error":
            raise DataMissing("vLLM: a clip is gone from the engine's cache")
        return Generated(
            text=completion.text,
            tokens=tuple(completion.token_ids),
            finished=completion.finish_reason == "stop",
            prompt_tokens=len(output.prompt_token_ids),
            cached_tokens=output.num_cached_tokens or 0,
            logprobs=_plain(completion.logprobs) if logprobs is not None else None,
        )

    async def scores(self, prompt: str, audio: FloatArray, identity: str, mark: int) -> FloatArray:
        """Return a classifier's logits at the tokens `mark` of the prompt.

        They are float32 [marks, classes]; `audio` is float32 [n] at 16 kHz. The engine pools at
        steps (``tok_pooling_type``), so that nothing else crosses from its process. Errors as
        `generate`.
        """
        from vllm import PoolingParams

        params = PoolingParams(task="token_classify", step_tag_id=mark)
        output = await self._request("encode", prompt, [audio], [identity], params, 0)
        scores: FloatArray = output.outputs.data.float().numpy()
        return scores

    async def watch(self) -> None:
        """Never return; raise EngineDead once the engine has died, asked or not."""
        while not self._engine.errored:  # noqa: ASYNC110 - vLLM tells nobody, it can be asked
            await asyncio.sleep(_DEATH_WATCH_S)
        raise EngineDead("the vLLM engine died; its own log says why")

    async def close(self) -> None:
        """End the engine's process. Safe to call twice or unstarted."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.to_thread(engine.shutdown, _SHUTDOWN_S)
            # Its finalizer shuts down once more, and fails when the interpreter is ending.
            engine.shutdown = lambda: None

    async def _request(
        self,
        method: str,
        prompt: str,
        audio: Sequence[Any],
        identities: Sequence[str],
        params: Any,
        priority: int,
    ) -> Any:
        """Run one request to its end and return vLLM's last output of it."""
        from vllm.exceptions import GracefulHTTPError, VLLMError
        from vllm.renderers.inputs.preprocess import parse_model_prompt
        from vllm.v1.engine.exceptions import EngineDeadError

        if self._engine is None:
            raise DecodeFailed("the vLLM engine is not running")
        self._count += 1
        message = {
            "prompt": prompt,
            "multi_modal_data": {"audio": list(audio)},
            "multi_modal_uuids": {"audio": list(identities)},
        }
        number = str(self._count)
        run = getattr(self._engine, method)
        output = None
        try:
            parsed = parse_model_prompt(self._engine.model_config, message)
            (rendered,) = await self._engine.renderer.render_cmpl_async([parsed])
            async for each in run(rendered, params, request_id=number, priority=priority):
                output = each
        except EngineDeadError:
            raise EngineDead("the vLLM engine died; its own log says why") from None
        except GracefulHTTPError as error:
            raise AtCapacity(str(error), reason="engine", retry_after=_RETRY_AFTER) from None
        except (VLLMError, ValueError) as error:
            cause = error.__cause__ or error
            if "cache miss" in str(cause).lower():
                raise DataMissing(f"vLLM: {_line(cause)}") from error
            raise DecodeFailed(f"vLLM: {_line(cause)}") from error
        if output is None:
            raise DecodeFailed("vLLM ended the request without an answer")
        return output

    def _load(self) -> Any:
        """Build the engine; blocks for seconds to minutes."""
        settings = self._settings
        if _is_path(settings.model) and not Path(settings.model).is_dir():
            raise EngineUnusable(f"model {settings.model!r}: there is no such directory")
        taken = sorted(settings.options.keys() & settings.fixed.keys())
        if taken:
            raise EngineUnusable(f"{settings.flag}: {', '.join(taken)} cannot be set there")
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as directory:
            # What vLLM's dependencies warn each other of is nothing an operator can mend.
            warnings.simplefilter("ignore")
            reason = Path(directory) / "reason"
            os.environ.update({"PYTHONWARNINGS": "ignore", plugin.REASON_FILE: str(reason)})
            try:
                return self._build()
            except EngineUnusable:
                raise
            except Exception as error:
                text = reason.read_text(encoding="utf-8") if reason.exists() else str(error)
                # Not chained: the half-built engine would be ended when the interpreter is.
                raise EngineUnusable(_advice(settings, text)) from None

    def _build(self) -> Any:
        settings = self._settings
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.platforms import current_platform
            from vllm.transformers_utils.config import get_config
            from vllm.v1.engine.async_llm import AsyncLLM
        except ImportError as error:
            raise EngineUnusable(
                f"vLLM is not installed ({_line(error)}): install the extra asr-vllm"
            ) from error
        _check_device(settings.device, current_platform)
        plugin.register()
        config = get_config(settings.model, trust_remote_code=False)
        if (trouble := settings.check(config)) is not None:
            raise EngineUnusable(f"model {settings.model!r}: {trouble}")
        try:
            arguments = AsyncEngineArgs(
                **{**_QUIET, **settings.options, **settings.fixed},
                model=settings.model,
                hf_overrides={"architectures": [settings.architecture]},
            )
        except TypeError as error:
            raise EngineUnusable(f"{settings.flag}: {_line(error)}") from error
        if self._abandoned:
            raise EngineUnusable("the start was abandoned")
        return AsyncLLM.from_engine_args(arguments)


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
    line = _line(text)
    lower = text.lower()
    for signs, advice in _ADVICE:
        if any(sign in lower for sign in signs):
            return f"model {settings.model!r}: {advice.format(flag=settings.flag)} ({line})"
    return f"model {settings.model!r} cannot be served: {line}"


_ADVICE = (
    (
        ("out of memory", "free memory on device", "no available memory", "kv cache"),
        "too little memory: lower max_model_len or max_num_seqs, or change"
        " gpu_memory_utilization, in {flag}, or take a smaller model",
    ),
    (
        ("driver version", "driver is too old", "no kernel image", "cuda error"),
        "the NVIDIA driver does not fit this build of vLLM: update the driver",
    ),
    (
        ("repository", "not found", "no such file", "does not appear to have", "couldn't connect"),
        "neither a directory that holds a model nor a name that the model hub knows or can be"
        " asked about from here",
    ),
)


def _plain(logprobs: Any) -> tuple[dict[int, float], ...]:
    return tuple({token: each.logprob for token, each in step.items()} for step in logprobs)


def _line(error: object) -> str:
    """Return an error's text in one line of bearable length."""
    return " ".join(str(error).split())[:300]
