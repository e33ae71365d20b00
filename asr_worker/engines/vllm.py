"""Qwen3-ASR on vLLM, one engine per GPU; all utterances of the worker share its batches.

A decode is one short request: the official prompt, the utterance as closed 8-second clips and an
open tail inside one audio span, and for partials the start of the last answer, rolled back
(`asr_worker.qwen`). Closed clips keep their identity while the utterance grows, so that vLLM finds
their encodings and everything before them in its prefix cache. So a partial costs only its tail and
its text, and it hears a bounded span of a long utterance. A final hears all of it and starts over,
as offline recognition does. That gives fewer errors: 3.35 % of words instead of 4.02 when streaming
(1.7B on Fleurs English, Qwen3-ASR technical report).
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from asr_worker.api import (
    DecodeFailed,
    DecodeRequest,
    EngineSettings,
    Hypothesis,
    Priority,
    Usage,
)
from asr_worker.qwen import guards, prompt, rollback, transcript
from asr_worker.qwen.clips import Clip, clips
from asr_worker.qwen.features import HOP, Spectrum, extend
from asr_worker.qwen.span import Span
from asr_worker.serving.loading import RuntimeSettings
from asr_worker.serving.model_kind import not_a_recogniser
from asr_worker.serving.plugin import CLIPS_ARCHITECTURE
from asr_worker.serving.runtime import DataMissing, Generated, Runtime
from common.audio import SAMPLE_RATE

SLOTS = 128
SPEECH = 2.1
"""As for Whisper; not measured."""

_MODEL = "Qwen/Qwen3-ASR-1.7B"
_OPTIONS = {
    # AsyncLLM's own defaults are 2048 and 128 on any card: 157 s of audio in a step for all.
    "max_num_batched_tokens": 8192,
    "max_num_seqs": 128,
    "gpu_memory_utilization": 0.9,
    # 600 s of audio are 7 800 tokens; the rest is for context and the answer.
    "max_model_len": 16384,
    # Clips that vLLM keeps. Open tails enter it too, though they are never reused: 128 utterances
    # replace its contents in about 17 s, but every partial touches its closed clips.
    "mm_processor_cache_gb": 1,
}
_FIXED = {
    "runner": "generate",
    "scheduling_policy": "priority",
    "enable_prefix_caching": True,
    "limit_mm_per_prompt": {"audio": 80},
}
_MOST_TOKENS = 4096
# For a final whose first answer had no end: it breaks a loop of greedy decoding.
_FREQUENCY_PENALTY = 0.5
_ATTEMPTS = 3
_WARM_UP = (1, 9)
"""Seconds of audio decoded before the worker is ready: without and with a closed clip."""


@dataclass(frozen=True, slots=True)
class _Memory:
    """What the next decode of an utterance can reuse."""

    name: str
    """Begins the identities of this utterance's clips; no other utterance has it."""
    spectrum: Spectrum
    sent: frozenset[str] = frozenset()
    """Identities of closed clips that vLLM was given."""
    span: Span = field(default_factory=Span)
    answer: str = ""
    """The last raw answer to the span, from its header on; empty if it must not be continued."""
    seconds: float = 0.0
    """End of the audio of `answer`."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A question to the model: the prompt, its clips, the start of the answer."""

    prompt: str
    clips: tuple[Clip, ...]
    prefix: str
    limit: int
    priority: Priority
    tenant: str


class VllmEngine:
    """See `asr_worker.api.Engine`. Cancelling a decode aborts its request inside vLLM."""

    name = "vllm"
    isolated = True
    in_clauses = False

    def __init__(self, settings: EngineSettings) -> None:
        options = {**_OPTIONS, **settings.vllm_options}
        self._concurrency = settings.concurrency or int(options["max_num_seqs"])
        # The dispatcher stays within the concurrency; this is for requests that linger.
        options.setdefault("max_num_queued_reqs", 2 * self._concurrency)
        self._most_tokens = settings.max_new_tokens or _MOST_TOKENS
        self._runtime = Runtime(
            RuntimeSettings(
                model=settings.model or _MODEL,
                device=settings.device,
                options=options,
                fixed=_FIXED,
                flag="--asr-vllm-options",
                architecture=CLIPS_ARCHITECTURE,
                check=not_a_recogniser,
            )
        )
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="features")
        self._tails = count()
        self._tokenizer: Any = None

    @property
    def concurrency(self) -> int:
        """How many requests vLLM batches."""
        return self._concurrency

    @property
    def unfinished(self) -> int:
        """Requests inside vLLM now."""
        return self._runtime.unfinished

    async def start(self) -> None:
        """Load the model and decode once per kind of request."""
        await self._runtime.start()
        self._tokenizer = self._runtime.tokenizer
        for seconds in _WARM_UP:
            audio = np.zeros(seconds * SAMPLE_RATE, np.float32)
            await self.decode(
                DecodeRequest(utterance="warm-up", audio=audio, priority=Priority.REFRESH)
            )

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """Recognise one utterance; see `Engine.decode` for errors and cancellation."""
        if self._tokenizer is None:
            raise DecodeFailed("the vllm engine is not running")
        among = prompt.languages(request)
        if not len(request.audio):
            return Hypothesis("")
        memory = request.previous.memory if request.previous is not None else None
        if not isinstance(memory, _Memory):
            memory = None
        loop = asyncio.get_running_loop()
        known = memory.spectrum if memory else None
        spectrum = await loop.run_in_executor(self._pool, extend, known, request.audio)
        if memory is None:
            memory = _Memory(uuid4().hex, spectrum)
        memory = replace(memory, spectrum=spectrum)
        heard = await self._recognise(request, among[0] if len(among) == 1 else None, memory)
        if not among or heard.language in (None, *among):
            return heard
        # The model cannot be told several. In another language than these it is not believed.
        likely = request.likely.language if request.likely else None
        language = likely if likely in among else among[0]
        fresh = replace(memory, span=Span(), answer="", seconds=0.0)
        return await self._recognise(request, language, fresh, told=False)

    async def watch(self) -> None:
        """See `Engine.watch`."""
        await self._runtime.watch()

    async def close(self) -> None:
        """End vLLM; decodes still in flight fail."""
        self._tokenizer = None
        await self._runtime.close()
        await asyncio.to_thread(self._pool.shutdown)

    async def _recognise(
        self,
        request: DecodeRequest,
        language: str | None,
        memory: _Memory,
        *,
        told: bool = True,
    ) -> Hypothesis:
        """Recognise in a language, None: in any. With `told` the next decode is in it, too."""
        seconds = len(request.audio) / SAMPLE_RATE
        system = prompt.system_text(request.context, request.keywords)
        span, question = self._question(request, language, system, memory)
        said, sent = await self._generate(question, memory, 0.0)
        usage = _usage(said)
        if request.final and not said.finished:
            said, sent = await self._generate(question, memory, _FREQUENCY_PENALTY)
            usage += _usage(said)
        answer = guards.untangled(question.prefix + said.text, said.finished)
        heard = transcript.parse(answer, language)
        text = (span.before + heard.text).strip()
        if guards.is_echo(text, system, request.audio):
            text = ""
        memory = replace(memory, sent=sent)
        # Partials continue only partials: a final also heard the audio outside their span.
        if not request.final or not memory.answer:
            span = span.continued(question.prefix, memory.seconds)
            begun = "" if told or language is None else prompt.header(language)
            kept = begun + answer if said.finished else ""
            memory = replace(memory, span=span, answer=kept, seconds=seconds)
        return Hypothesis(
            text=text,
            language=heard.language if text else None,
            complete=said.finished,
            memory=memory,
            usage=usage,
        )

    def _question(
        self, request: DecodeRequest, language: str | None, system: str, memory: _Memory
    ) -> tuple[Span, _Question]:
        """Return the question and its span of the utterance.

        A final is about all of the utterance and starts over, and so does a young utterance; any
        other decode continues the last answer.
        """
        pieces = clips(memory.spectrum)
        span, prefix = Span(), ""
        if not request.final and memory.seconds > request.unfixed_s:
            closed = sum(clip.key is not None for clip in pieces)
            span, answer = memory.span.moved(memory.answer, closed)
            prefix = rollback.prefix(
                answer, request.unfixed_token_num, self._encode, self._tokenizer.decode
            )
            if not prefix:
                # Nothing to continue: the text before the span would be lost.
                span = Span()
        pieces = pieces[span.first :]
        frames = sum(clip.frames for clip in pieces)
        return span, _Question(
            prompt=prompt.prompt(system, len(pieces), language, prefix),
            clips=pieces,
            prefix=prefix,
            limit=guards.token_limit(frames * HOP / SAMPLE_RATE, self._most_tokens),
            priority=request.priority,
            tenant=request.tenant,
        )

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    async def _generate(
        self, question: _Question, memory: _Memory, penalty: float
    ) -> tuple[Generated, frozenset[str]]:
        """Ask; return the answer and the identities of the closed clips that vLLM has now."""
        tail = f"{memory.name}.{next(self._tails)}"
        names = [f"{memory.name}/{clip.key}" if clip.key else tail for clip in question.clips]
        sent = memory.sent
        for _ in range(_ATTEMPTS):
            data = [
                None if name in sent else clip.features()
                for name, clip in zip(names, question.clips, strict=True)
            ]
            try:
                said = await self._runtime.generate(
                    question.prompt,
                    data,
                    names,
                    limit=question.limit,
                    priority=question.priority,
                    salt=question.tenant,
                    frequency_penalty=penalty,
                )
            except DataMissing:
                sent = frozenset()
            else:
                return said, frozenset(names) - {tail}
        raise DecodeFailed("vLLM lost this utterance's clips again and again")


def _usage(said: Generated) -> Usage:
    return Usage(said.prompt_tokens, said.cached_tokens, said.generated_tokens)


def weights(settings: EngineSettings) -> Path | None:
    """Return the directory of the weights, None for a model of the local cache."""
    directory = Path(settings.model or _MODEL)
    return directory if directory.is_dir() else None


def build(settings: EngineSettings) -> VllmEngine:
    """Build the engine, unstarted; nothing is loaded yet."""
    return VllmEngine(settings)
