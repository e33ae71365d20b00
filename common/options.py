"""The table of session options, which is also the record that every stage reads.

A field of `SessionOptions` is one option. What it declares is in `OPTIONS`, from which derive how
a protocol reads it, which settings give its default, and its row in docs/protocol.md.
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from enum import Enum, auto
from types import MappingProxyType, NoneType
from typing import Any, Literal, TypeAlias, get_args, get_type_hints

from common.expectation import expectation
from common.languages import WITH_NUMBERS


class Kind(Enum):
    """What a value of an option is."""

    BOOL = auto()
    INT = auto()
    FLOAT = auto()
    TEXT = auto()
    TEXTS = auto()
    """A tuple of texts, none of them empty."""
    LANGUAGE = auto()
    """A name of `common.languages`; clients may write codes, too."""
    LANGUAGES = auto()
    """A tuple of such names, each once."""
    CHOICE = auto()
    """One of some texts."""
    CHOICES = auto()
    """A tuple of some of them, each once."""


Numbers: TypeAlias = Literal["engine", "spoken", "digits", "grouped"]
"""How numbers are written: as the recogniser does, in words, in figures without or with signs."""
Redacted: TypeAlias = Literal["numbers", "pci", "phone", "ssn", "iban", "email", "dob"]
"""What can be hidden in texts."""
NUMERIC: frozenset[Redacted] = frozenset(get_args(Redacted)) - {"email"}
"""Those that are said in digits."""
RedactForm: TypeAlias = Literal["entity", "last4"]
"""What stands in the place of what is hidden: its kind, or its last four digits, too."""
Endpointing: TypeAlias = Literal["silence", "turn", "bot", "dictation", "captions"]
"""What ends an utterance: silence of one length, or of a length that its words suggest; the others
are that for a purpose, and set other options with it (`gateway.endpointing.presets`)."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 2.0
"""The least and the most silence in a turn, as parts of the ordinary one, unless options say it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One option; limits that do not concern its kind are 0, and both ends of a range belong to it.

    `nullable`: None is a value, too, and leaves the choice to the stage that uses the option.
    `longest` is in characters of one text, `most` in texts; `choices` are those of a choice.
    `used_by` names stages, and the gateway where it acts on the option itself. `setting` gives the
    value where a call gives none.
    """

    name: str
    kind: Kind
    nullable: bool
    default: Any
    meaning: str
    low: float
    high: float
    longest: int
    most: int
    choices: tuple[str, ...]
    unit: str
    changeable: bool
    used_by: tuple[str, ...]
    setting: str | None


def option(
    default: Any,
    meaning: str,
    *,
    used_by: tuple[str, ...],
    kind: Kind | None = None,
    low: float = 0,
    high: float = 0,
    longest: int = 0,
    most: int = 0,
    choices: tuple[str, ...] = (),
    unit: str = "",
    changeable: bool = False,
    setting: str | None = None,
) -> Any:
    """Declare a field of `SessionOptions`; see `Option`. The annotation gives the kind."""
    return field(
        default=default,
        metadata={
            "meaning": meaning,
            "used_by": used_by,
            "kind": kind,
            "low": low,
            "high": high,
            "longest": longest,
            "most": most,
            "choices": choices,
            "unit": unit,
            "changeable": changeable,
            "setting": setting,
        },
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionOptions:
    """What a session asked for."""

    language: str | None = option(
        None,
        "spoken language; null detects it",
        kind=Kind.LANGUAGE,
        changeable=True,
        used_by=("asr",),
        setting="language",
    )
    languages: tuple[str, ...] = option(
        (),
        "what is detected is one of these",
        kind=Kind.LANGUAGES,
        most=100,
        changeable=True,
        used_by=("asr",),
        setting="languages",
    )
    context: str = option(
        "", "what the call is about", longest=10_000, changeable=True, used_by=("asr",)
    )
    keywords: tuple[str, ...] = option(
        (), "words to expect", most=100, longest=100, changeable=True, used_by=("asr",)
    )
    keyword_distance: int = option(
        0,
        "wrong characters in a keyword's word",
        low=0,
        high=2,
        changeable=True,
        used_by=("gateway",),
    )
    unfixed_chunk_num: int = option(
        4,
        "first chunks, where partials start anew",
        low=0,
        high=1000,
        used_by=("asr",),
        setting="unfixed_chunk_num",
    )
    unfixed_token_num: int = option(
        5,
        "last tokens that a decode may change",
        low=0,
        high=1000,
        used_by=("asr",),
        setting="unfixed_token_num",
    )
    chunk_size_sec: float = option(
        1.0,
        "length of those chunks; sets no pace",
        low=0.01,
        high=60,
        unit="s",
        used_by=("asr",),
        setting="chunk_size_sec",
    )
    vad_threshold: float = option(
        0.5,
        "probability that counts as speech",
        low=0,
        high=1,
        changeable=True,
        used_by=("vad",),
        setting="vad_threshold",
    )
    silence_threshold: float = option(
        0.8,
        "silence that ends an utterance",
        low=0.01,
        high=60,
        unit="s",
        changeable=True,
        used_by=("vad", "asr"),
        setting="silence_threshold",
    )
    endpointing: Endpointing = option(
        "silence",
        "ends an utterance",
        kind=Kind.CHOICE,
        choices=get_args(Endpointing),
        changeable=True,
        used_by=("gateway", "asr"),
    )
    min_turn_silence: float | None = option(
        None,
        "ends a sentence",
        low=0.01,
        high=60,
        unit="s",
        changeable=True,
        used_by=("gateway", "asr"),
    )
    max_turn_silence: float | None = option(
        None,
        "most within a turn",
        low=0.01,
        high=60,
        unit="s",
        changeable=True,
        used_by=("gateway", "asr"),
    )
    eager_threshold: float = option(
        0.5,
        "announces the end of a turn",
        low=0,
        high=1,
        changeable=True,
        used_by=("gateway",),
    )
    expect: str = option(
        "", "what is to be answered", longest=2000, changeable=True, used_by=("gateway", "asr")
    )
    min_speech_duration: float = option(
        0.2,
        "speech to start an utterance",
        low=0.01,
        high=60,
        unit="s",
        changeable=True,
        used_by=("vad", "asr"),
        setting="min_speech_duration",
    )
    max_utterance: float = option(
        30.0,
        "cuts an utterance",
        low=2,
        high=300,
        unit="s",
        changeable=True,
        used_by=("gateway", "vad", "asr"),
        setting="max_utterance",
    )
    denoise: bool = option(
        False,
        "remove noise before recognising",
        changeable=True,
        used_by=("gateway", "denoise"),
        setting="enable_noise_suppression",
    )
    post_filter: bool | None = option(
        None,
        "filter very noisy stretches further",
        used_by=("denoise",),
        setting="dfn_post_filter",
    )
    attenuation_limit: float | None = option(
        None,
        "most noise reduction",
        low=0,
        high=100,
        unit="dB",
        used_by=("denoise",),
        setting="dfn_attenuation_limit",
    )
    words: bool = option(
        False,
        "times of the words of finals",
        changeable=True,
        used_by=("gateway", "vad", "asr", "align"),
    )
    diarize: bool = option(False, "tell speakers of one channel apart", used_by=("gateway", "asr"))
    interim_results: bool = option(
        True, "send partials", changeable=True, used_by=("gateway", "asr")
    )
    numbers: Numbers = option(
        "engine",
        "how numbers are written",
        kind=Kind.CHOICE,
        choices=get_args(Numbers),
        changeable=True,
        used_by=("asr",),
        setting="numbers",
    )
    redact: tuple[Redacted, ...] = option(
        (),
        "hidden",
        kind=Kind.CHOICES,
        choices=get_args(Redacted),
        changeable=True,
        used_by=("asr",),
        setting="redact",
    )
    redact_form: RedactForm = option(
        "entity",
        "what stands in its place",
        kind=Kind.CHOICE,
        choices=get_args(RedactForm),
        changeable=True,
        used_by=("asr",),
        setting="redact_form",
    )

    record: bool = option(
        False,
        "record the audio",
        changeable=True,
        used_by=("gateway",),
        setting="record",
    )

    @property
    def by_words(self) -> bool:
        """Whether the words before a pause decide how long it may be."""
        return self.endpointing != "silence"

    @property
    def turn_silence(self) -> tuple[float, float]:
        """The least and the most silence that ends an utterance, in seconds."""
        least = most = self.silence_threshold
        if self.by_words:
            least, most = SHORTEST_PAUSE * least, LONGEST_PAUSE * most
            least = self.min_turn_silence or least
            most = self.max_turn_silence or most
        return min(least, most), most

    @property
    def weighs_pauses(self) -> bool:
        """Whether what was said before a pause may say how long it is."""
        return self.by_words or bool(self.expect)

    @property
    def hides_digits(self) -> bool:
        """Whether a digit may be a part of what is hidden."""
        return not NUMERIC.isdisjoint(self.redact)

    @property
    def contradiction(self) -> str | None:
        """Two options that do not go together, and the condition that they break; None if none."""
        if self.min_speech_duration >= self.max_utterance:
            return (
                f"min_speech_duration ({self.min_speech_duration:g} s) must be less than "
                f"max_utterance ({self.max_utterance:g} s)"
            )
        least, most = self.min_turn_silence, self.max_turn_silence
        if least is not None and most is not None and least > most:
            return f"min_turn_silence ({least:g} s) must be at most max_turn_silence ({most:g} s)"
        try:
            expectation(self.expect)
        except ValueError as error:
            return f"expect ({self.expect[:40]!a}): {error}"
        if self.expect and self.redact:
            return "expect tells what redact hides: one of them"
        if self.languages and self.language not in (None, *self.languages):
            among = ", ".join(self.languages)
            return f"language ({self.language}) is none of languages ({among}); null detects it"
        # Where the language is detected, it decides: what is said in others is left as it is.
        if self.numbers != "engine" and self.language not in (None, *WITH_NUMBERS):
            return f"numbers ({self.numbers}) knows {_KNOWN}, not the language {self.language}"
        if self.numbers == "spoken" and self.language not in (None, "English"):
            return f"numbers (spoken) knows English, not the language {self.language}"
        # A secret that is said in a language that nobody expected would be seen.
        if self.redact and self.language not in WITH_NUMBERS:
            given = "one that is detected" if self.language is None else self.language
            return f"redact needs the language {_KNOWN}, not {given}"
        return None


_KNOWN = " or ".join(", ".join(sorted(WITH_NUMBERS)).rsplit(", ", 1))


_KINDS: Mapping[Any, Kind] = {
    bool: Kind.BOOL,
    int: Kind.INT,
    float: Kind.FLOAT,
    str: Kind.TEXT,
    tuple[str, ...]: Kind.TEXTS,
}


def _declared(each: "Field[Any]", hint: Any) -> Option:
    nullable = NoneType in get_args(hint)
    (plain,) = (kind for kind in get_args(hint) if kind is not NoneType) if nullable else (hint,)
    facts = {**each.metadata, "kind": each.metadata["kind"] or _KINDS[plain]}
    return Option(name=each.name, nullable=nullable, default=each.default, **facts)


_HINTS = get_type_hints(SessionOptions)
OPTIONS: Mapping[str, Option] = MappingProxyType(
    {each.name: _declared(each, _HINTS[each.name]) for each in fields(SessionOptions)}
)
"""Every option by its name, in the order of the record."""
