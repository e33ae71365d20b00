"""What a recogniser must offer so that the rest of the worker need not know which one it is.

Audio is float32 [n], 16 kHz mono, in [-1, 1). Times of words are seconds from the utterance's
first sample. An engine is one module of `asr_worker.engines` with `build(settings) -> Engine` and
`SLOTS`, the utterances that one worker carries if nobody says otherwise.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol, runtime_checkable

from common.audio import FloatArray
from common.errors import CallscribeError, PeerMisbehaved, SettingsError


class EngineError(CallscribeError):
    """The engine cannot do what it was asked."""


class EngineUnusable(EngineError, SettingsError):
    """The engine cannot start as it is set up; the operator must change a setting."""


class DecodeFailed(EngineError):
    """This decode gave no hypothesis; another attempt may, and other decodes are unaffected."""


class LanguageUnsupported(EngineError, PeerMisbehaved):
    """The loaded model does not know the language asked for; no attempt will succeed."""


class DecodePoisoned(EngineError):
    """This decode ended its engine, or never ends; it would end the next one as well."""


class EngineDead(EngineError):
    """The engine will never answer again; whoever gets this ends the process."""


class Priority(IntEnum):
    """Who goes first when places are scarce; a smaller number is served sooner."""

    FINAL = 0
    FIRST_PARTIAL = 1
    REFRESH = 2


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its place in the utterance (seconds) and its probability 0..1."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one decode: read, of these found in a cache, and written."""

    prompt: int
    cached: int
    generated: int

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt + other.prompt,
            self.cached + other.cached,
            self.generated + other.generated,
        )


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the engine heard in the whole of the audio it was given.

    `text` is stripped and may be empty (nothing was said). `language` is an English name (as in
    `common.languages`; a code where that has no name), None if unknown or nothing was said.
    `words` is None unless asked for, and where the engine does not time words itself; else starts
    never decrease and all lie inside the audio.
    `memory` is the engine's own: what it wants back with `DecodeRequest.previous` to go on from.
    `usage` is None where an engine does not count tokens.
    `complete` is False when the decode hit a length limit: no part of it is to be called stable.
    """

    text: str
    language: str | None = None
    words: tuple[Word, ...] | None = None
    complete: bool = True
    memory: object = field(default=None, compare=False, repr=False)
    usage: Usage | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodeRequest:
    """One utterance from its first sample up to now, to be recognised afresh."""

    utterance: str
    """Globally unique; an engine that needs an id per decode adds a count of its own."""
    audio: FloatArray
    """float32 [n] at 16 kHz; never padded by the caller, not written to by the engine."""
    priority: Priority
    language: str | None = None
    """English name or ISO 639 code in any case; None to detect."""
    context: str = ""
    keywords: tuple[str, ...] = ()
    words: bool = False
    previous: Hypothesis | None = None
    """The last hypothesis of this utterance, for engines that continue from a prefix of it."""
    unfixed_s: float = 4.0
    """A hypothesis of this much audio or less (s) is not continued from, but decoded afresh."""
    unfixed_token_num: int = 5
    """How many tokens of `previous` are rolled back before continuing from it."""
    final: bool = False
    """The text will be published as final: best effort, not least effort."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How the operator wants the engine built; each engine reads what concerns it."""

    model: str | None = None
    """Path or name of the weights; None for those that come with the engine."""
    device: str | None = None
    """``cpu``, ``cuda``, or None for what the engine is meant for."""
    compute_type: str = "int8"
    threads: int = 1
    """CPU threads of one decode."""
    concurrency: int | None = None
    """Decodes usefully in flight, None for the engine's own; a CPU engine keeps `threads` times
    this busy."""
    max_new_tokens: int | None = None
    """Longest hypothesis in tokens, None for the engine's own limit."""
    beam_size: int = 5
    """Beam of final decodes; partials are decoded greedily."""
    vllm_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of vLLM's own, by name."""


class Engine(Protocol):
    """A loaded recogniser. All methods belong to one event loop."""

    @property
    def name(self) -> str:
        """Short label for metrics and logs."""

    @property
    def concurrency(self) -> int:
        """How many decodes may usefully be in flight; more only queue inside the engine."""

    @property
    def isolated(self) -> bool:
        """Whether the model runs in a process of its own, whose death this one outlives and sees.

        Else a decode that may end its process is given to another one (`asr_worker.poison.apart`).
        """

    async def start(self) -> None:
        """Load and warm up; the first decode is as fast as any. Call once.

        Raises EngineUnusable whose one line tells the operator what to change.
        """

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """Recognise `request.audio`; empty text is an answer, not an error.

        Cancelling abandons the decode: the await ends once its place in the engine is free again,
        and the result is dropped. Raises DecodeFailed, LanguageUnsupported, AtCapacity (the
        engine's own queue is full) or EngineDead.
        """

    async def watch(self) -> None:
        """Never return; raise EngineDead once the engine has died, whether it is asked or not."""

    async def close(self) -> None:
        """Release everything; decodes still in flight fail. Safe to call twice or unstarted."""


Between = Callable[[], Awaitable[None]]
"""Awaited between two steps of a decode; meanwhile another decode may have the place."""


@runtime_checkable
class BatchingEngine(Engine, Protocol):
    """A recogniser for which decodes together are cheaper than one after the other.

    It decodes in steps, none of them much longer than a second's work for a core.
    """

    @property
    def together(self) -> int:
        """How many decodes may usefully share one of its `concurrency` places."""

    def likeness(self, request: DecodeRequest) -> Hashable:
        """Return what is equal for requests whose decodes can share their steps."""

    async def decode_together(
        self, requests: Sequence[DecodeRequest], between: Between | None = None
    ) -> Sequence[Hypothesis | EngineError]:
        """Recognise each, all final or none; what `decode` would return, or raise of this one.

        `between` is awaited between the steps. Cancelling abandons them all. Raises what concerns
        all of them.
        """
