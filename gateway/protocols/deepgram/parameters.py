"""The parameters of a request: those that we use are checked, all others are ignored."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from common.audio import SAMPLE_RATE
from common.languages import WITH_NUMBERS
from common.options import OPTIONS, Redacted, SessionOptions
from gateway.protocols import fields
from gateway.protocols.commands import (
    MAX_CHANNELS,
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    AudioFormat,
    Coding,
    Encoding,
    decoded,
)
from gateway.protocols.deepgram.wording import Wording
from gateway.protocols.options import readers, with_changes
from gateway.protocols.query import Query, flag, invalid, last, number, raw_encoding

ENCODINGS: Mapping[str, Encoding] = {
    "linear16": "pcm16",
    "linear32": "float32",
    "mulaw": "mulaw",
    "alaw": "alaw",
}
CODINGS: Mapping[str, Coding] = {
    "": "any",
    "opus": "opus",
    "ogg-opus": "ogg",
    "flac": "flac",
    "mp3": "mp3",
    "aac": "aac",
    "amr-nb": "amr-nb",
    "amr-wb": "amr-wb",
    "g729": "g729",
    "speex": "ogg",
}
"""What compressed audio is; without an encoding, its first bytes tell."""
_MOST_UTTERANCE_END = 60_000
"""Milliseconds."""

_REDACTED: Mapping[str, Sequence[Redacted]] = {
    "pci": ("pci",),
    "credit_card": ("pci",),
    "credit_card_expiration": ("pci",),
    "cvv": ("pci",),
    "numbers": ("numbers",),
    "true": ("numbers",),
    "aggressive_numbers": ("numbers",),
    "dob": ("dob",),
    "ssn": ("ssn",),
    "phone_number": ("phone",),
    "email_address": ("email",),
    "bank_account": ("numbers", "iban"),
    "account_number": ("numbers", "iban"),
    "routing_number": ("numbers",),
    "location_zip": ("numbers",),
    "numerical_pii": ("numbers",),
    "false": (),
    "": (),
}
"""What is hidden for a value of ``redact``."""

_BOOST = re.compile(r"^(?P<term>.+?):(?P<boost>-?\d+(?:\.\d+)?)$")
_TERMS = readers(("keywords",))["keywords"]
_LANGUAGES = readers(("languages",))["languages"]
_FLAGS = ("true", "1", "false", "0", "")
_DIARISERS = ("latest", "v1", "v2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What a request for live audio asks for.

    `utterance_end` is in samples at 16 kHz, None if ends of utterances are not wanted. They follow
    finals, so no utterance waits longer for its own. `speech_end`: the samples of silence that end
    speech, where they are more; None where the end of an utterance is that of speech, 0 where
    silence ends none. `coding`: what the audio is compressed as. `interim`: whether partials are
    wanted. `detects_language`: the language is told with each result. `wording`: how texts are
    written.
    """

    options: SessionOptions
    audio: AudioFormat
    coding: Coding | None
    vad_events: bool
    utterance_end: int | None
    speech_end: int | None
    interim: bool
    detects_language: bool
    wording: Wording


def live(query: Query, defaults: SessionOptions) -> Live:
    """Read a request for live audio. Raises ClientError, which names the parameter."""
    silence, end = _endpointing(query, defaults), _utterance_end(query)
    speech_end = None
    if end is not None and end < silence * SAMPLE_RATE:
        speech_end = 0 if _endless(query) else round(silence * SAMPLE_RATE)
        silence = max(end / SAMPLE_RATE, OPTIONS["silence_threshold"].low)
    interim = flag(query, "interim_results")
    coding = CODINGS.get(last(query, "encoding"))
    options = with_changes(
        recognition(query, defaults),
        {
            "interim_results": interim,
            "silence_threshold": silence,
            "diarize": diarized(query),
        },
    )
    return Live(
        options=options,
        audio=audio(query) if coding is None else decoded(_channels(query)),
        coding=coding,
        vad_events=flag(query, "vad_events"),
        utterance_end=end,
        speech_end=speech_end,
        interim=interim,
        detects_language=options.language is None,
        wording=wording(query),
    )


def recognition(query: Query, defaults: SessionOptions) -> SessionOptions:
    """Read what concerns recorded audio, too: the language, the terms to expect, the text."""
    words = [*query.get("keyterm", ()), *filter(None, map(_term, query.get("keywords", ())))]
    given: dict[str, Any] = {"words": True}
    if words:
        given["keywords"] = terms("keyterm", words)
    detected = _detected(query)
    if "language" in query or detected is not None:
        given["language"] = _language(query) if detected is None else None
    if detected:
        given["languages"] = detected
    if (hidden := _redacted(query)) is not None:
        given["redact"] = hidden
    options = with_changes(defaults, given)
    # It is asked for in any language, and there for some.
    if options.language in (None, *WITH_NUMBERS):
        options = with_changes(options, _numbers(query))
    return options


def wording(query: Query) -> Wording:
    """Read how texts are written. Raises ClientError."""
    formatted, punctuated = flag(query, "smart_format"), flag(query, "punctuate")
    unpunctuated = last(query, "punctuate") != "" and not punctuated
    return Wording(
        bare=unpunctuated and not formatted,
        dictated=flag(query, "dictation") and (formatted or punctuated),
        clean=flag(query, "profanity_filter"),
    )


def diarized(query: Query) -> bool:
    """Read whether speakers are told apart; naming a model asks for it. Raises ClientError."""
    asked, model = flag(query, "diarize"), last(query, "diarize_model")
    if model and model not in _DIARISERS:
        known = ", ".join(_DIARISERS)
        raise invalid(f"diarize_model must be one of {known}, not {model[:40]!a}")
    return asked or bool(model)


def _numbers(query: Query) -> dict[str, Any]:
    """Read how numbers are written."""
    if flag(query, "smart_format"):
        return {"numbers": "grouped"}
    return {"numbers": "digits"} if flag(query, "numerals") else {}


def _redacted(query: Query) -> tuple[Redacted, ...] | None:
    """Read what is hidden; None where nothing is said of that."""
    if "redact" not in query:
        return None
    found: set[Redacted] = set()
    for each in query["redact"]:
        if each.lower() not in _REDACTED:
            known = ", ".join(filter(None, _REDACTED))
            raise invalid(f"redact must be one of {known}, not {each[:40]!a}")
        found.update(_REDACTED[each.lower()])
    return tuple(each for each in get_args(Redacted) if each in found)


def terms(name: str, given: object) -> tuple[str, ...]:
    """Read a list of terms to expect; empty ones ask for nothing. Raises ClientError."""
    found: tuple[str, ...] = _TERMS(name, fields.filled(given))
    return found


def audio(query: Query) -> AudioFormat:
    """Read the format of raw audio. Raises ClientError."""
    encoding = raw_encoding(query, ENCODINGS, CODINGS)
    rate = number(query, "sample_rate", MIN_SAMPLE_RATE, MAX_SAMPLE_RATE)
    return AudioFormat(encoding, rate, _channels(query))


def _channels(query: Query) -> int:
    flag(query, "multichannel")  # two channels are recognised apart in any case
    return number(query, "channels", 1, MAX_CHANNELS) if last(query, "channels") else 1


def _endpointing(query: Query, defaults: SessionOptions) -> float:
    """Return the seconds of silence that end an utterance."""
    option = OPTIONS["silence_threshold"]
    match last(query, "endpointing").lower():
        case "" | "true":
            return defaults.silence_threshold
        case "false":
            return option.high
        case _:
            asked = number(query, "endpointing", 0, round(option.high * 1000)) / 1000
            return max(asked, option.low)


def _endless(query: Query) -> bool:
    """Whether silence ends no speech."""
    return last(query, "endpointing").lower() == "false"


def _utterance_end(query: Query) -> int | None:
    if last(query, "utterance_end_ms").lower() in ("", "false"):
        return None
    wait = number(query, "utterance_end_ms", 1, _MOST_UTTERANCE_END)
    return wait * SAMPLE_RATE // 1000


def _language(query: Query) -> str | None:
    given = last(query, "language")
    if given in ("", "multi"):
        return None
    found: str | None = fields.language("language", given)
    return found


def _detected(query: Query) -> tuple[str, ...] | None:
    """Return the languages that one is detected among, none: the deployment's; None if it is told.

    Each value may name one.
    """
    named = [each for each in query.get("detect_language", ()) if each.lower() not in _FLAGS]
    if named:
        found: tuple[str, ...] = _LANGUAGES("detect_language", named)
        return found
    return () if flag(query, "detect_language") else None


def _term(keyword: str) -> str | None:
    """Return the term of ``term:boost``; None for one that is not to be expected."""
    boosted = _BOOST.match(keyword)
    if boosted is None:
        return keyword
    return boosted["term"] if float(boosted["boost"]) > 0 else None
