"""The interface of a recogniser, so that the rest of the worker does not depend on one.

Audio is float32 [n], 16 kHz mono, in [-1, 1). Times of words are seconds from the utterance's
first sample. An engine is one module of `asr_worker.engines` with `build(settings) -> Engine` and
`SLOTS`, the default number of utterances that one worker carries.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple, Protocol, runtime_checkable

from common.audio import FloatArray
from common.errors import CallscribeError, PeerMisbehaved, SettingsError
from common.pipeline.access import OPEN_TENANT


class EngineError(CallscribeError):
    """The engine cannot serve a request."""


class EngineUnusable(EngineError, SettingsError):
    """The engine cannot start as it is set up; the operator must change a setting."""


class DecodeFailed(EngineError):
    """This decode gave no hypothesis; another attempt may, and other decodes are unaffected."""


class LanguageUnsupported(EngineError, PeerMisbehaved):
    """The loaded model does not know the requested language; no attempt will succeed."""


class DecodePoisoned(EngineError):
    """This decode ended its engine, or never ends; it would do the same to the next one."""


class EngineDead(EngineError):
    """The engine will never answer again; the process must end."""


class Priority(IntEnum):
    """The order of decodes when places are scarce; a smaller number is served sooner."""

    FINAL = 0
    FIRST_PARTIAL = 1
    CLAUSE = 2
    REFRESH = 3


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its place in the utterance (seconds) and its probability 0..1.

    An engine knows no position in the call; what is stored is a `TimedWord`.
    """

    text: str
    start: float
    end: float
    probability: float


class Spoken(NamedTuple):
    """A language, as in `Hypothesis`, and how sure it is, 0..1; None if that is not known."""

    language: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one decode: read, the part of these found in a cache, and written."""

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
    `language_confidence` is how sure that is, 0..1; None if it was told, or is not known.
    `words` is None if not requested or if the engine does not time words; else starts never
    decrease and all lie inside the audio.
    `memory` is private to the engine, which gets it back with `DecodeRequest.previous`.
    `usage` is None if an engine does not count tokens.
    `complete` is False if the decode hit a length limit: no part of it may be called stable.
    `mark` is the probability 0..1 that the model gives to the sentence mark at the end of `text`;
    None if it was not asked for, if there is none, or if the engine cannot tell.
    """

    text: str
    language: str | None = None
    words: tuple[Word, ...] | None = None
    complete: bool = True
    memory: object = field(default=None, compare=False, repr=False)
    usage: Usage | None = field(default=None, compare=False)
    language_confidence: float | None = None
    mark: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodeRequest:
    """An utterance from its first sample up to now, or one of its clauses, to be recognised whole.

    For an engine that is not `in_clauses` it is always the former.
    """

    utterance: str
    """Globally unique; an engine that needs an id per decode adds a count of its own."""
    audio: FloatArray
    """float32 [n] at 16 kHz; never padded by the caller, not written to by the engine."""
    priority: Priority
    tenant: str = OPEN_TENANT
    """Whose call it is: what an engine keeps of it serves no other tenant."""
    language: str | None = None
    """English name or ISO 639 code in any case; None to detect."""
    likely: Spoken | None = None
    """In which language the call went on so far, None if not known; a detection may differ."""
    languages: tuple[str, ...] = ()
    """English names of those that one is detected among; none: all that the model knows."""
    context: str = ""
    keywords: tuple[str, ...] = ()
    words: bool = False
    mark: bool = False
    """Whether it is of use how sure the sentence mark at the end is."""
    previous: Hypothesis | None = None
    """The last hypothesis of audio with the same beginning, for engines that continue from it."""
    unfixed_s: float = 4.0
    """A hypothesis of this much audio or less (s) is not continued; decoding starts over."""
    unfixed_token_num: int = 5
    """How many tokens of `previous` are rolled back before continuing from it."""
    final: bool = False
    """The text will be part of a final: quality matters more than cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """The operator's settings for the engine; each engine reads those that it knows."""

    model: str | None = None
    """Path or name of the weights; None for the engine's own."""
    device: str | None = None
    """``cpu``, ``cuda``, or None for the engine's usual device."""
    compute_type: str = "int8"
    threads: int = 1
    """CPU threads of one decode."""
    concurrency: int | None = None
    """Decodes usefully in flight, None for the engine's own; a CPU engine uses `threads` cores for
    each."""
    max_new_tokens: int | None = None
    """Longest hypothesis in tokens, None for the engine's own limit."""
    beam_size: int = 3
    """Beam of final decodes; partials are decoded greedily. Measured with tiny.en on 1 928 words in
    clauses: 61 wrong with 1, 47 with 2, 44 with 3 and with 5, which takes a tenth more time."""
    multilingual: bool = True
    """Whether another model may hear what `model` does not know."""
    vllm_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of vLLM's own, by name."""


class Engine(Protocol):
    """A loaded recogniser. All methods belong to one event loop."""

    @property
    def name(self) -> str:
        """Short label for metrics and logs."""

    @property
    def concurrency(self) -> int:
        """How many decodes may usefully be in flight; more would only queue inside the engine."""

    @property
    def isolated(self) -> bool:
        """Whether the model runs in a process of its own, whose death this one survives and sees.

        Otherwise a dangerous decode runs in a child (`asr_worker.poison.child`).
        """

    @property
    def in_clauses(self) -> bool:
        """Whether long utterances are decoded clause by clause (`asr_worker.clauses`).

        Not for an engine that reuses what it made of an utterance's beginning.
        """

    async def start(self) -> None:
        """Load and warm up; the first decode is as fast as any. Call once.

        Raises EngineUnusable, one line that tells the operator what to change.
        """

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """Recognise `request.audio`; empty text is an answer, not an error.

        Cancelling abandons the decode: the await ends once its place in the engine is free again,
        and the result is dropped. Raises DecodeFailed, LanguageUnsupported, AtCapacity (the
        engine's own queue is full) or EngineDead.
        """

    async def watch(self) -> None:
        """Never return; raise EngineDead once the engine has died, even without a request."""

    async def close(self) -> None:
        """Release everything; decodes still in flight fail. Safe to call twice or unstarted."""


Between = Callable[[], Awaitable[None]]
"""Awaited between two steps of a decode; meanwhile another decode may use the place."""


@runtime_checkable
class BatchingEngine(Engine, Protocol):
    """A recogniser that decodes several requests together at less cost than one by one.

    It decodes in steps of about a second of one core's time at most.
    """

    @property
    def together(self) -> int:
        """How many decodes may usefully share one of its `concurrency` places."""

    def likeness(self, request: DecodeRequest) -> Hashable:
        """Return a key that is equal for requests whose decodes can share their steps."""

    async def decode_together(
        self, requests: Sequence[DecodeRequest], between: Between | None = None
    ) -> Sequence[Hypothesis | EngineError]:
        """Recognise requests, all final or none; return for each a hypothesis or its own error.

        `between` is awaited between the steps. Cancelling abandons them all. An error of all of
        them is raised.
        """
