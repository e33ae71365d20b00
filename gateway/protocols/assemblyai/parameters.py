"""The parameters of a request and of `UpdateConfiguration`: of those that we use, the values count.

All others are ignored. In a URL lists are JSON, and so are numbers and truth values.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from common.options import Redacted, SessionOptions
from gateway.protocols import fields
from gateway.protocols.commands import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    AudioFormat,
    Coding,
    Encoding,
    decoded,
)
from gateway.protocols.options import readers, with_changes
from gateway.protocols.query import Query, invalid, last, raw_encoding
from gateway.protocols.spoken_turns import Pace

USUAL = 0.4
"""The confidence that ends a turn where a request says nothing."""
_ENCODINGS: Mapping[str, Encoding] = {"pcm_s16le": "pcm16", "pcm_mulaw": "mulaw"}
_USUAL_ENCODING = "pcm_s16le"
_CODINGS: Mapping[str, Coding] = {"opus": "opus", "ogg_opus": "ogg", "aac": "aac"}
_REDACTED: Mapping[str, tuple[Redacted, ...]] = {
    "credit_card_number": ("pci",),
    "credit_card_expiration": ("pci",),
    "credit_card_cvv": ("pci",),
    "phone_number": ("phone",),
    "email_address": ("email",),
    "us_social_security_number": ("ssn",),
    "date_of_birth": ("dob",),
    "number_sequence": ("numbers",),
    "account_number": ("numbers", "iban"),
    "banking_information": ("numbers", "iban"),
}
"""What is hidden for each of ``redact_pii_policies``."""
MOST_MS = 60_000
_SHORTEST = 0.2
"""Seconds of silence that end a turn at least: less is within words."""
_MILLISECONDS = fields.integer(0, MOST_MS)
_OF_OPTIONS = readers(("keywords", "context", "vad_threshold", "languages"))
_SHARED: Mapping[str, fields.Reader] = {
    "end_of_turn_confidence_threshold": fields.number(0, 1),
    "min_turn_silence": _MILLISECONDS,
    "min_end_of_turn_silence_when_confident": _MILLISECONDS,
    "max_turn_silence": _MILLISECONDS,
    "vad_threshold": _OF_OPTIONS["vad_threshold"],
    "keyterms_prompt": _OF_OPTIONS["keywords"],
    "prompt": _OF_OPTIONS["context"],
    "language_codes": _OF_OPTIONS["languages"],
}
"""Parameters that `UpdateConfiguration` may change."""
_REQUEST: Mapping[str, fields.Reader] = {
    **_SHARED,
    "language_code": fields.text(20),
    "language_detection": fields.boolean,
    "redact_pii": fields.boolean,
    "redact_pii_policies": fields.some_of(tuple(_REDACTED)),
}
_TEXTS = ("prompt", "language_code")


@dataclass(frozen=True, slots=True)
class Silences:
    """What ends a turn: confidence, and milliseconds of silence where the client says them."""

    threshold: float = USUAL
    least: int | None = None
    most: int | None = None

    def changed(self, given: Mapping[str, Any]) -> "Silences":
        """Return these with what was read. Raises ClientError if they contradict each other."""
        least = given.get("min_end_of_turn_silence_when_confident", self.least)
        changed = Silences(
            given.get("end_of_turn_confidence_threshold", self.threshold),
            given.get("min_turn_silence", least),
            given.get("max_turn_silence", self.most),
        )
        if (changed.least or 0) > (changed.most or MOST_MS):
            text = f"min_turn_silence ({changed.least}) must be at most max_turn_silence"
            raise invalid(f"{text} ({changed.most})")
        return changed

    @property
    def pace(self) -> Pace:
        """See `Pace`."""
        return Pace(self.threshold, USUAL)

    def applied(self, options: SessionOptions, defaults: SessionOptions) -> SessionOptions:
        """Return options in which turns end so; the server's settings are in `defaults`."""
        paced = self.pace.paced(defaults, eager=self.threshold / 2)
        (least, most), ordinary = paced.turn_silence, paced.silence_threshold
        most = most if self.most is None else self.most / 1000
        most = max(_SHORTEST, most)
        least = least if self.least is None else self.least / 1000
        least = min(most, max(_SHORTEST, least))
        return replace(
            options,
            endpointing=paced.endpointing,
            silence_threshold=max(least, min(most, ordinary)),
            min_turn_silence=least,
            max_turn_silence=most,
            eager_threshold=paced.eager_threshold,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for. `detects`: the language of each turn is told."""

    options: SessionOptions
    audio: AudioFormat
    coding: Coding | None
    silences: Silences
    detects: bool


def read(query: Query, defaults: SessionOptions) -> Asked:
    """Read a request. Raises ClientError, which names the parameter."""
    given = {name: _value(name, last(query, name)) for name in _REQUEST if last(query, name)}
    found = fields.read_fields(_REQUEST, given)
    options = with_changes(defaults, {**_changes(found), "words": True, "interim_results": True})
    silences = Silences().changed(found)
    coding = _CODINGS.get(last(query, "encoding"))
    return Asked(
        options=silences.applied(options, defaults),
        audio=_audio(query) if coding is None else decoded(1),
        coding=coding,
        silences=silences,
        detects=options.language is None,
    )


def updated(
    body: Mapping[str, object],
    options: SessionOptions,
    silences: Silences,
    defaults: SessionOptions,
) -> tuple[SessionOptions, Silences]:
    """Read an `UpdateConfiguration`; what is null or missing stays. Raises ClientError."""
    given = {name: body[name] for name in _SHARED if body.get(name) is not None}
    found = fields.read_fields(_SHARED, given)
    changed = silences.changed(found)
    return changed.applied(with_changes(options, _changes(found)), defaults), changed


def _changes(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return options that parameters ask for."""
    changes: dict[str, Any] = {}
    names = {"keyterms_prompt": "keywords", "prompt": "context", "vad_threshold": "vad_threshold"}
    changes |= {name: found[asked] for asked, name in names.items() if asked in found}
    named = found.get("language_codes", ())
    if found.get("language_code"):
        named = named or (fields.language("language_code", found["language_code"]),)
    if found.get("language_detection") or len(named) > 1:
        changes |= {"language": None} | ({"languages": named} if named else {})
    elif named:
        changes["language"] = named[0]
    if found.get("redact_pii"):
        policies = found.get("redact_pii_policies") or tuple(_REDACTED)
        hidden = {each for policy in policies for each in _REDACTED[policy]}
        changes["redact"] = tuple(each for each in get_args(Redacted) if each in hidden)
    return changes


def _audio(query: Query) -> AudioFormat:
    encoding = raw_encoding(query, _ENCODINGS, _CODINGS, _USUAL_ENCODING)
    given = _value("sample_rate", last(query, "sample_rate"))
    rate = fields.integer(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE)("sample_rate", given)
    return AudioFormat(encoding, rate)


def _value(name: str, given: str) -> object:
    """Return what the text of a parameter stands for."""
    if name in _TEXTS:
        return given
    try:
        value: object = json.loads(given.lower() if given in ("True", "False") else given)
    except (ValueError, RecursionError):
        return given
    return value
