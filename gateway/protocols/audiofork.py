"""FreeSWITCH's audio fork (mod_audio_fork, mod_audio_stream), ``/audiofork``: PCM16, texts back.

    client   any text, the metadata of the call                             first; may be left out
             binary PCM16; two channels with the mix type stereo
             {"event": "dtmf", "digit": "5"}; other texts are not used
    server   {"type": "transcription", "data": {"text", "is_final", …}}     a final
             {"type": "error", "data": {"code", "message"}}

Metadata that are a JSON object may have session options, and those of `_METADATA`; parameters of
the URL mean the same. All else in them is the customer's own, also where it is called like an
option. Two connections with one `conversation_id` are two legs of one call,
and `role` labels the leg. The two other names of each pair are those that jambonz sends
(https://github.com/drachtio/drachtio-freeswitch-modules/tree/main/modules/mod_audio_fork).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from common.audio import rounded_seconds
from common.options import Kind, SessionOptions
from gateway.protocols import fields, telephony
from gateway.protocols.api import (
    WARM,
    Carrier,
    ClientError,
    Codec,
    Message,
    Protocol,
    Request,
)
from gateway.protocols.commands import (
    MAX_CHANNELS,
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    Audio,
    AudioFormat,
    Command,
    Open,
)
from gateway.protocols.events import Event, Failed, Final, GoingAway

MOST_TEXT = 1 << 16
"""Characters of a text message; applications put data of their own into the metadata."""

_RATE = 8_000
_SPELLINGS = {
    "sampleRate": "sample_rate",
    "mixType": "mix_type",
    "callSid": "call_id",
    "dtmf": "digit",
}
_METADATA: Mapping[str, fields.Reader] = {
    **telephony.READERS,
    "sample_rate": telephony.loose(Kind.INT, fields.integer(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE)),
    "channels": telephony.loose(Kind.INT, fields.one_of(range(1, MAX_CHANNELS + 1))),
    "mix_type": fields.one_of(("mono", "mixed", "stereo")),
    "encoding": fields.one_of(("l16",)),
    "role": telephony.NAME,
    "call_id": telephony.NAME,
}


class AudioForkCodec(Codec):
    """One connection's codec."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        self._defaults = defaults
        self._query = {name: values[-1] for name, values in request.query.items() if values}
        self._labels: tuple[str, ...] = ()
        self._open = False
        self._unasked = False
        """Whether audio opened the call, before any metadata."""

    @property
    def verbatim(self) -> bool:
        """See `Codec`."""
        return self._open

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`."""
        fields.check_length(message, MOST_TEXT)
        body = _fields(message)
        if not self._open:
            return (*self._opening(body), *self._signalled(body))
        if self._unasked and not _METADATA.keys().isdisjoint(body):
            self._unasked = False
            text = "metadata behind the first audio were not used: send them first"
            raise ClientError("late_metadata", text)
        return self._signalled(body)

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """See `Codec`."""
        if self._open:
            return (Audio(data),)
        self._unasked = True
        return (*self._opening({}), Audio(data))

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`."""
        match event:
            case Final(failed=True):
                return _message("error", {"code": "utterance_failed", "message": event.failure})
            case Final() if event.text:
                return _message("transcription", self._spoken(event) | event.timed)
            case Failed():
                return _message("error", {"code": event.code, "message": event.message})
            case GoingAway():
                text = "the server restarts; connect again"
                return _message("error", {"code": "going_away", "message": text})
        return ()

    def _opening(self, metadata: Mapping[str, object]) -> Sequence[Command]:
        given, mistakes = telephony.pick_own(_METADATA, metadata)
        try:
            asked = telephony.pick(_METADATA, _spelled(self._query))
            try:
                opening = self._described({**asked, **given})
            except ClientError as error:
                mistakes.append(telephony.left_out(error))
                opening = self._described(asked)
        except ClientError as error:
            raise fields.fatal(error) from None
        self._open, self._labels = True, opening.about.labels
        return (opening, *mistakes)

    def _described(self, given: Mapping[str, Any]) -> Open:
        channels = given.get("channels", 2 if given.get("mix_type") == "stereo" else 1)
        role = given.get("role", "")
        if role and channels != 1:
            text = "role labels a leg of its own; two channels have channel_labels"
            raise ClientError("invalid_option", text)
        options, about = telephony.terms(
            self._defaults,
            given,
            labels=(role,) * channels,
            name=given.get("call_id", ""),
        )
        audio = AudioFormat("pcm16", given.get("sample_rate", _RATE), channels)
        return Open(options, audio, telephony.EVENTS, about)

    def _signalled(self, body: Mapping[str, object]) -> Sequence[Command]:
        return (telephony.digit(0, body.get("digit")),) if body.get("event") == "dtmf" else ()

    def _spoken(self, final: Final) -> dict[str, Any]:
        label = {"label": self._labels[final.channel]} if self._labels else {}
        return {
            "text": final.text,
            "is_final": True,
            "channel": final.channel,
            **label,
            "start": rounded_seconds(final.start),
            "end": rounded_seconds(final.end),
            "language": final.language,
        }


def _fields(message: str) -> Mapping[str, object]:
    """Return the fields of a text; none of one that is no JSON object."""
    try:
        return _spelled(fields.parse_object(message))
    except ClientError:
        return {}


def _spelled(given: Mapping[str, object]) -> dict[str, object]:
    """Give each field the name that it has here."""
    return {_SPELLINGS.get(name, name): value for name, value in given.items()}


def _message(kind: str, data: Mapping[str, Any]) -> Sequence[Message]:
    return (json.dumps({"type": kind, "data": data}, ensure_ascii=False),)


def _first(offered: Sequence[str]) -> str | None:
    """Choose what a module offers, whatever the deployment calls it."""
    return offered[0] if offered else None


PROTOCOL = Protocol(
    "audiofork",
    AudioForkCodec,
    path="/audiofork",
    subprotocol=_first,
    credential_in=Carrier.QUERY,
    waits_s=WARM,
)
