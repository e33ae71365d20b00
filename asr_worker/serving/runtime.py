"""One vLLM engine in this process and its child: start, requests, death and errors.

`AsyncLLM` runs the scheduler and the model in a child process and batches all requests in flight,
step by step. Cancelling a request aborts it in the child.
"""

import asyncio
import multiprocessing
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from asr_worker.api import DecodeFailed, EngineDead
from asr_worker.serving.loading import RuntimeSettings, load, one_line
from common.audio import FloatArray
from common.errors import AtCapacity
from common.telemetry.logs import Log

Clips = Sequence[FloatArray | None]
"""float32 [128, frames] log-mel each; None for one sent before under the same identity."""

_log = Log(__name__)

_DEATH_WATCH_S = 0.25
_RETRY_AFTER = 0.5
_SHUTDOWN_S = 1.0


class DataMissing(DecodeFailed):
    """vLLM has dropped a clip that was left out; send it again.

    Its processor notices that (ValueError); or, when the caches of the two differ, the engine
    behind it does (an output that ended in error).
    """


@dataclass(frozen=True, slots=True)
class Generated:
    """The result of one request. `finished`: the model ended the text itself."""

    text: str
    finished: bool
    prompt_tokens: int
    cached_tokens: int
    """How many of `prompt_tokens` were in the KV cache."""
    generated_tokens: int


class Runtime:
    """A vLLM engine. All methods belong to one event loop."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings
        self._engine: Any = None
        self._abandoned = threading.Event()
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

        Cancelling kills the processes that vLLM has started so far.
        """
        loaded: Future[Any] = Future()
        loaded.set_running_or_notify_cancel()

        def in_thread() -> None:
            try:
                loaded.set_result(load(self._settings, self._abandoned))
            except Exception as error:
                loaded.set_exception(error)

        # A thread of its own: the process could not end while one of the loop's pool is loading.
        threading.Thread(target=in_thread, name="load", daemon=True).start()
        try:
            self._engine = await asyncio.wrap_future(loaded)
        except asyncio.CancelledError:
            self._abandoned.set()
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
        salt: str,
        frequency_penalty: float = 0.0,
    ) -> Generated:
        """Continue `prompt` greedily by at most `limit` tokens; a smaller `priority` goes first.

        `prompt` has one ``<|audio_pad|>`` per clip. `frequency_penalty` above 0 makes a token
        less likely each time it is written. Prefixes are found again by requests of the same `salt`
        only. Raises DataMissing, AtCapacity, DecodeFailed or EngineDead. Cancelling aborts the
        request.
        """
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        params = SamplingParams(
            temperature=0.0,
            max_tokens=limit,
            frequency_penalty=frequency_penalty,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        output = await self._request("generate", prompt, clips, identities, params, priority, salt)
        completion = output.outputs[0]
        if completion.finish_reason == "error":
            raise DataMissing("vLLM: a clip is gone from the engine's cache")
        if completion.finish_reason == "abort":
            raise DecodeFailed("vLLM abandoned the request")
        return Generated(
            text=completion.text,
            finished=completion.finish_reason == "stop",
            prompt_tokens=len(output.prompt_token_ids),
            cached_tokens=output.num_cached_tokens or 0,
            generated_tokens=len(completion.token_ids),
        )

    async def scores(self, prompt: str, audio: FloatArray, identity: str, mark: int) -> FloatArray:
        """Return a classifier's logits at the tokens `mark` of the prompt.

        They are float32 [marks, classes]; `audio` is float32 [n] at 16 kHz. The engine pools at
        these tokens (``tok_pooling_type``), so that its process sends only them. Errors as in
        `generate`.
        """
        from vllm import PoolingParams

        params = PoolingParams(task="token_classify", step_tag_id=mark)
        output = await self._request("encode", prompt, [audio], [identity], params, 0)
        scores: FloatArray = output.outputs.data.float().numpy()
        return scores

    async def watch(self) -> None:
        """Never return; raise EngineDead once the engine has died, even without a request."""
        while not self._engine.errored:  # noqa: ASYNC110 - vLLM can only be asked
            await asyncio.sleep(_DEATH_WATCH_S)
        raise EngineDead("the vLLM engine died; its own log says why")

    async def close(self) -> None:
        """End the engine's process. Safe to call twice or unstarted."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.to_thread(engine.shutdown, _SHUTDOWN_S)
            # Its finalizer would shut down once more, and fail at the interpreter's exit.
            engine.shutdown = lambda: None

    async def _request(
        self,
        method: str,
        prompt: str,
        audio: Sequence[Any],
        identities: Sequence[str],
        params: Any,
        priority: int,
        salt: str = "",
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
            **({"cache_salt": salt} if salt else {}),
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
        except Exception as error:
            cause = error.__cause__ or error
            if "cache miss" in str(cause).lower():
                raise DataMissing(f"vLLM: {one_line(cause)}") from error
            if not isinstance(error, VLLMError):
                # A bug before the engine: this request fails, the worker continues.
                # Who asked may tell more: here nobody knows what its call wants hidden.
                _log.exception("engine.request_failed", error, quoting=False, request=number)
            raise DecodeFailed(f"vLLM: {one_line(cause)}") from error
        if output is None:
            raise DecodeFailed("vLLM ended the request without an answer")
        return output
