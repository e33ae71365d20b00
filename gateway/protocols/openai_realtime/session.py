"""What a client of OpenAI's Realtime API has set: its session object, and the options it means.

A client sends only what it wants to change, in one of two forms. The present one nests:
``{"audio": {"input": {"format", "transcription", "turn_detection", "noise_reduction"}}}``. The
older one is flat: ``{"input_audio_format", "input_audio_transcription", …}``. Fields that mean
nothing here are left out of the session object, so that it shows what is in effect.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from common.options import OPTIONS, SessionOptions
from gateway.protocols import fields
from gateway.protocols.api import ClientError
from gateway.protocols.commands import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, AudioFormat, Encoding
from gateway.protocols.options import readers

PCM_RATE = 24_000
"""Hz of ``audio/pcm`` where a client does not say."""

_SILENCE = OPTIONS["silence_threshold"]
_LONGEST_MS = round(_SILENCE.high * 1000)
_ENCODINGS: Mapping[str, Encoding] = {
    "audio/pcm": "pcm16",
    "audio/pcmu": "mulaw",
    "audio/pcma": "alaw",
}
_OLD_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_OLD_NAMES = {
    "input_audio_transcription": "transcription",
    "input_audio_noise_reduction": "noise_reduction",
    "turn_detection": "turn_detection",
}
_PATIENCE = {"low": 2.0, "medium": 1.0, "auto": 1.0, "high": 0.5}
"""By the eagerness of ``semantic_vad``: the silence that ends a turn, in defaults of the server."""
_COMMITTED_BY_CLIENTS = ("gpt-realtime-whisper", "gpt-live-transcribe")
"""Models for which OpenAI detects no turns: their clients commit, and need not say so."""

_TEXTS = readers(("context", "keywords"))
_FORMAT: Mapping[str, fields.Reader] = {
    "type": fields.one_of(tuple(_ENCODINGS)),
    "rate": fields.integer(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE),
}
_TRANSCRIPTION: Mapping[str, fields.Reader] = {
    "model": fields.text(200),
    "language": lambda name, value: _language(name, value),
    "languages": lambda name, value: [_language(name, each) for each in _listed(name, value)],
    "prompt": _TEXTS["context"],
    "keywords": lambda name, value: _TEXTS["keywords"](name, fields.filled(value)),
}
_TURNS: Mapping[str, fields.Reader] = {
    "type": fields.one_of(("server_vad", "semantic_vad")),
    "threshold": fields.number(0, 1),
    "prefix_padding_ms": fields.number(0, _LONGEST_MS),
    "silence_duration_ms": fields.number(_SILENCE.low * 1000, _LONGEST_MS),
    "eagerness": fields.one_of(tuple(_PATIENCE)),
}
_NOISE: Mapping[str, fields.Reader] = {"type": fields.one_of(("near_field", "far_field"))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session's settings; each part is a validated object of the present form.

    `turns` and `noise` are None where the client turned them off, empty where it said nothing.
    """

    defaults: SessionOptions
    format: Mapping[str, Any]
    transcription: Mapping[str, Any]
    turns: Mapping[str, Any] | None
    noise: Mapping[str, Any] | None

    @classmethod
    def initial(cls, defaults: SessionOptions) -> Self:
        """Return the session of a client that has set nothing."""
        pcm = {"type": "audio/pcm", "rate": PCM_RATE}
        return cls(defaults=defaults, format=pcm, transcription={}, turns={}, noise={})

    def updated(self, given: Mapping[str, object]) -> "Session":
        """Return it with what `given`, the session of an update, changes.

        Raises `ClientError` for a value that is not allowed, and for a session that is no
        transcription.
        """
        if given.get("type", "transcription") != "transcription":
            text = "this server only transcribes: session.type must be 'transcription'"
            raise ClientError("unsupported_session_type", text)
        changes = _changes(given)
        return replace(
            self,
            format=_format(self.format, changes["format"]) if "format" in changes else self.format,
            transcription=_merged("transcription", _TRANSCRIPTION, self.transcription, changes)
            or {},
            turns=_turns(self.turns, changes),
            noise=_merged("noise_reduction", _NOISE, self.noise, changes),
        )

    @property
    def audio(self) -> AudioFormat:
        """How the client's audio is to be read."""
        rate = self.format["rate"] if self.format["type"] == "audio/pcm" else 8_000
        return AudioFormat(_ENCODINGS[self.format["type"]], rate, 1)

    @property
    def manual(self) -> bool:
        """Whether only the client ends its turns."""
        if self.turns is None:
            return True
        model = str(self.transcription.get("model", ""))
        return not self.turns and model.startswith(_COMMITTED_BY_CLIENTS)

    @property
    def options(self) -> SessionOptions:
        """The options of the call.

        What the client commits is recognised in utterances, too, and joined. As one long utterance
        it would be decoded whole, again and again, and its final would be late.
        """
        spoken, turns = self.transcription, self.turns or {}
        return replace(
            self.defaults,
            language=self._language,
            languages=self._languages,
            context=spoken.get("prompt", ""),
            keywords=spoken.get("keywords", ()),
            denoise=self.defaults.denoise if self.noise == {} else self.noise is not None,
            vad_threshold=turns.get("threshold", self.defaults.vad_threshold),
            silence_threshold=self._silence,
            endpointing="turn" if self._semantic else self.defaults.endpointing,
        )

    def shown(self) -> dict[str, Any]:
        """Return the ``audio.input`` of the session object."""
        return {
            "format": self.format,
            "transcription": self.transcription,
            "turn_detection": self._shown_turns,
            "noise_reduction": self._shown_noise,
        }

    def shown_flat(self) -> dict[str, Any]:
        """Return the same in the older form."""
        old = {new: old for old, new in _OLD_FORMATS.items()}
        return {
            "input_audio_format": old[self.format["type"]],
            "input_audio_transcription": self.transcription,
            "turn_detection": self._shown_turns,
            "input_audio_noise_reduction": self._shown_noise,
        }

    @property
    def _names_no_language(self) -> bool:
        return self.transcription.keys().isdisjoint(("language", "languages"))

    @property
    def _language(self) -> str | None:
        """The language that is spoken; None: it is detected."""
        if self._names_no_language:
            return self.defaults.language
        several = self.transcription.get("languages", ())
        only = several[0] if len(several) == 1 else None
        return _named(self.transcription.get("language", only))

    @property
    def _languages(self) -> tuple[str, ...]:
        """Those that one is detected among; none: any, or it is told."""
        if self._names_no_language:
            return self.defaults.languages
        named = [_named(each) for each in self.transcription.get("languages", ())]
        if self._language is not None or None in named:
            return ()
        return tuple(dict.fromkeys(each for each in named if each is not None))

    @property
    def _semantic(self) -> bool:
        return not self.manual and (self.turns or {}).get("type") == "semantic_vad"

    @property
    def _silence(self) -> float:
        """Seconds of silence that end a turn."""
        turns = self.turns or {}
        default = self.defaults.silence_threshold
        if turns.get("type") == "semantic_vad":
            patience = default * _PATIENCE[turns.get("eagerness", "auto")]
            return min(max(patience, _SILENCE.low), _SILENCE.high)
        return float(turns.get("silence_duration_ms", default * 1000)) / 1000

    @property
    def _shown_turns(self) -> dict[str, Any] | None:
        if self.manual:
            return None
        turns = self.turns or {}
        if turns.get("type") == "semantic_vad":
            return {"type": "semantic_vad", "eagerness": turns.get("eagerness", "auto")}
        return {
            "type": "server_vad",
            "threshold": self.options.vad_threshold,
            "prefix_padding_ms": turns.get("prefix_padding_ms", 300),
            "silence_duration_ms": round(self._silence * 1000),
        }

    @property
    def _shown_noise(self) -> Mapping[str, Any] | None:
        return (self.noise or {"type": "near_field"}) if self.options.denoise else None


def _changes(given: Mapping[str, object]) -> dict[str, object]:
    """Return what a session gives of ``audio.input``, in either form."""
    changes = {new: given[old] for old, new in _OLD_NAMES.items() if old in given}
    if "input_audio_format" in given:
        read = fields.one_of(tuple(_OLD_FORMATS))
        old = read("input_audio_format", given["input_audio_format"])
        changes["format"] = {"type": _OLD_FORMATS[old]}
    audio = fields.mapping("audio", given.get("audio", {}))
    return {**changes, **fields.mapping("audio.input", audio.get("input", {}))}


def _known(name: str, readers: Mapping[str, fields.Reader], value: object) -> dict[str, Any]:
    """Read the known fields of an object; null is a field that is not given."""
    given = fields.mapping(name, value)
    return {
        field: read(f"{name}.{field}", given[field])
        for field, read in readers.items()
        if given.get(field) is not None
    }


def _merged(
    name: str,
    readers: Mapping[str, fields.Reader],
    before: Mapping[str, Any] | None,
    changes: Mapping[str, object],
) -> Mapping[str, Any] | None:
    """Return `before` with what an update gives of one part; None where it turns it off."""
    if name not in changes:
        return before
    if changes[name] is None:
        return None
    return {**(before or {}), **_known(name, readers, changes[name])}


def _format(before: Mapping[str, Any], value: object) -> Mapping[str, Any]:
    given = _known("format", _FORMAT, value)
    kind = given.get("type", before["type"])
    if kind != "audio/pcm":
        return {"type": kind}
    return {"type": kind, "rate": given.get("rate", before.get("rate", PCM_RATE))}


def _turns(
    before: Mapping[str, Any] | None, changes: Mapping[str, object]
) -> Mapping[str, Any] | None:
    """Return how turns are detected; another type of detection begins with its defaults."""
    after = _merged("turn_detection", _TURNS, {}, changes)
    if "turn_detection" not in changes or after is None:
        return before if after is not None else None
    given = {"type": (before or {}).get("type", "server_vad"), **after}
    return {**before, **given} if before and before.get("type") == given["type"] else given


def _language(name: str, value: object) -> str:
    """Check a language, and keep what the client wrote."""
    text: str = fields.text(40)(name, value)
    fields.language(name, text)
    return text


def _named(language: str | None) -> str | None:
    """Return the name of a language, None for one that is detected."""
    name: str | None = fields.language("language", language)
    return name


def _listed(name: str, value: object) -> tuple[str, ...]:
    listed: tuple[str, ...] = fields.texts(100, 40)(name, fields.filled(value))
    return listed
