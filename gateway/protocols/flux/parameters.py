"""The parameters of a request, and what `Configure` changes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.options import SessionOptions
from gateway.protocols import fields
from gateway.protocols.commands import AudioFormat, Coding, decoded
from gateway.protocols.deepgram import parameters as listen
from gateway.protocols.options import readers
from gateway.protocols.query import Query, invalid, last
from gateway.protocols.spoken_turns import Pace

USUAL = 0.7
"""The confidence that ends a turn where a request says nothing."""
_MODELS = {"flux-general-en": "en", "flux-general-multi": "multi"}
_NONE_HERE = ("language", "detect_language", "channels", "multichannel")
"""Parameters of ``/v1/listen``; here a call has one channel."""
_LANGUAGES = readers(("languages",))["languages"]
_EOT = fields.number(0.5, 1.0)
_EAGER = fields.number(0.3, 0.9)
_TIMEOUT = fields.integer(500, 60_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When a turn is over: confidences, and milliseconds of silence that end it in any case."""

    eot: float = USUAL
    eager: float | None = None
    timeout_ms: int = 5_000

    @property
    def pace(self) -> Pace:
        """See `Pace`."""
        return Pace(self.eot, USUAL)

    def changed(self, given: Mapping[str, object]) -> "Thresholds":
        """Return these with the fields of `Configure`. Raises ClientError, which names the field.

        A field that is missing or null stays as it is.
        """
        read: Mapping[str, tuple[str, fields.Reader]] = {
            "eot_threshold": ("eot", _EOT),
            "eager_eot_threshold": ("eager", _EAGER),
            "eot_timeout_ms": ("timeout_ms", _TIMEOUT),
        }
        asked = {name: value for name, value in given.items() if value is not None}
        found = fields.read_fields({name: reader for name, (_, reader) in read.items()}, asked)
        changed = replace(self, **{read[name][0]: value for name, value in found.items()})
        if changed.eager is not None and changed.eager > changed.eot:
            text = f"eager_eot_threshold ({changed.eager:g}) must be at most eot_threshold"
            raise invalid(f"{text} ({changed.eot:g})")
        return changed

    def applied(self, options: SessionOptions, defaults: SessionOptions) -> SessionOptions:
        """Return options in which turns end so; the server's settings are in `defaults`."""
        paced = self.pace.paced(defaults, eager=self.eager)
        most = 60.0 if self.eot == 1 else self.timeout_ms / 1000

        def within(seconds: float | None) -> float:
            return min(seconds or most, most)

        return replace(
            options,
            endpointing=paced.endpointing,
            silence_threshold=within(paced.silence_threshold),
            min_turn_silence=within(paced.min_turn_silence),
            max_turn_silence=within(paced.max_turn_silence),
            eager_threshold=paced.eager_threshold,
        )

    @property
    def told(self) -> dict[str, float | int]:
        """The fields of a message."""
        found: dict[str, float | int] = {"eot_threshold": self.eot}
        found |= {} if self.eager is None else {"eager_eot_threshold": self.eager}
        return found | {"eot_timeout_ms": self.timeout_ms}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for. `multi`: languages are told; `hints`: those that it expects."""

    options: SessionOptions
    audio: AudioFormat
    coding: Coding | None
    thresholds: Thresholds
    multi: bool
    hints: tuple[str, ...]


def read(query: Query, defaults: SessionOptions) -> Asked:
    """Read a request. Raises ClientError, which names the parameter."""
    model = last(query, "model")
    if model not in _MODELS:
        raise invalid(f"model must be one of {', '.join(_MODELS)}, not {model[:40]!a}")
    multi = _MODELS[model] == "multi"
    hints = tuple(query.get("language_hint", ())) if multi else ()
    asked = {name: values for name, values in query.items() if name not in _NONE_HERE}
    if not multi or len(hints) == 1:
        asked["language"] = hints[:1] or ("en",)
    else:
        asked["detect_language"] = hints or ("true",)
    options = replace(listen.recognition(asked, defaults), interim_results=True)
    coding = listen.CODINGS.get(last(query, "encoding"))
    thresholds = Thresholds().changed(_thresholds(query))
    return Asked(
        options=thresholds.applied(options, defaults),
        audio=listen.audio(asked) if coding is None else decoded(1),
        coding=coding,
        thresholds=thresholds,
        multi=multi,
        hints=hints,
    )


def hinted(hints: Sequence[str]) -> dict[str, Any]:
    """Return the options for hints: one is the language, of several one is detected, else all."""
    found = _LANGUAGES("language_hints", [*hints])
    if len(found) == 1:
        return {"language": found[0]}
    return {"language": None, "languages": found}


def _thresholds(query: Query) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("eot_threshold", "eager_eot_threshold", "eot_timeout_ms"):
        if given := last(query, name):
            try:
                found[name] = int(given) if name == "eot_timeout_ms" else float(given)
            except ValueError:
                raise invalid(f"{name} must be a number, not {given[:40]!a}") from None
    return found
