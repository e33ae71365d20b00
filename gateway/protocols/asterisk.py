"""Asterisk's WebSocket channel (chan_websocket), ``/asterisk``: binary audio, control as text.

    client   MEDIA_START connection_id:… channel:… channel_id:… format:ulaw …
             binary audio in that format
             DTMF_END digit:5 …, HANGUP; other events are not used
    server   HANGUP                                                         the call cannot go on

Asterisk may send audio and events before `MEDIA_START`: they wait for it. A control message is
plain text as above, or JSON: ``{"event": "MEDIA_START", "channel_id": …}``.
Options are parameters of the URL, or channel variables with the prefix ``CALLSCRIBE_``, which only
JSON carries. Results are read elsewhere, by the channel's id
(https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket/).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from common.options import SessionOptions
from gateway.protocols import fields, telephony
from gateway.protocols.api import Carrier, ClientError, Codec, Message, Protocol, Request
from gateway.protocols.commands import Audio, AudioFormat, Command, Finish, Mistake, Open
from gateway.protocols.events import Event, Failed, GoingAway

MOST_TEXT = 1 << 16
"""Characters of a control message; channel variables may be long."""

_PCM16_RATES = {
    **{"slin": 8_000, "slin12": 12_000, "slin16": 16_000, "slin24": 24_000, "slin32": 32_000},
    **{"slin44": 44_100, "slin48": 48_000, "slin96": 96_000, "slin192": 192_000},
}
_FORMATS: Mapping[str, AudioFormat] = {
    "ulaw": AudioFormat("mulaw", 8_000, 1),
    "alaw": AudioFormat("alaw", 8_000, 1),
    **{name: AudioFormat("pcm16", rate, 1) for name, rate in _PCM16_RATES.items()},
}
_START: Mapping[str, fields.Reader] = {
    "connection_id": telephony.NAME,
    "channel": telephony.NAME,
    "channel_id": telephony.NAME,
    "format": fields.one_of(_FORMATS),
    "channel_variables": fields.mapping,
}
_PREFIX = "callscribe_"
_PLAIN = re.compile(rb"(?:MEDIA_START|DTMF_END|HANGUP)(?: [\x20-\x7e]*)?\s*")


class AsteriskCodec(Codec):
    """One connection's codec."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        self._defaults = defaults
        self._query = {name: values[-1] for name, values in request.query.items() if values}
        self._open = self._finished = False
        self._speaks_json = False
        self._early: telephony.Early[bytes | Mapping[str, object]] = telephony.Early("MEDIA_START")
        self._complaint = ""

    @property
    def verbatim(self) -> bool:
        """See `Codec`."""
        return self._open and not self._finished

    def is_control(self, data: bytes) -> bool:
        """See `Codec`: its controls need be no JSON."""
        return _PLAIN.fullmatch(data) is not None or super().is_control(data)

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`."""
        fields.check_length(message, MOST_TEXT)
        try:
            body = self._fields(message)
        except ClientError as error:
            raise error if self._open else fields.fatal(error) from None
        return self._receive(body, len(message))

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """See `Codec`."""
        if not self._open:
            self._early.hold(data, len(data))
            return ()
        return () if self._finished else (Audio(data),)

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`: Asterisk understands commands only."""
        if not isinstance(event, GoingAway):
            if not isinstance(event, Failed) or not event.fatal:
                return ()
            self._complaint = event.message
        return (json.dumps({"command": "HANGUP"}) if self._speaks_json else "HANGUP",)

    def closing(self, close_code: int, reason: str) -> tuple[int, str]:
        """See `Codec`: the only place to say what was wrong."""
        return close_code, telephony.reason(self._complaint) or reason

    def _fields(self, message: str) -> Mapping[str, object]:
        """Return a control message's fields; `event` is its name."""
        self._speaks_json = message.lstrip().startswith("{")
        if self._speaks_json:
            return fields.parse_object(message)
        name, *pairs = message.split() or [""]
        return {"event": name} | {key: value for key, _, value in (p.partition(":") for p in pairs)}

    def _receive(self, body: Mapping[str, object], size: int) -> Sequence[Command]:
        if body.get("event") == "MEDIA_START":
            return self._start(body)
        if not self._open:
            self._early.hold(body, size)
            return ()
        return self._heard(body)

    def _heard(self, body: Mapping[str, object]) -> Sequence[Command]:
        """Return what an event of an open call means."""
        if self._finished:
            return ()
        match body.get("event"):
            case "DTMF_END":
                return (telephony.digit(0, body.get("digit")),)
            case "HANGUP":
                self._finished = True
                return (Finish(),)
        return ()  # about media that is played, and what Asterisk may add

    def _start(self, body: Mapping[str, object]) -> Sequence[Command]:
        if self._open:
            raise ClientError("started", "MEDIA_START comes once")
        try:
            opening = self._opening(body)
        except ClientError as error:
            raise fields.fatal(error) from None
        self._open = True
        return [opening, *self._caught_up()]

    def _opening(self, body: Mapping[str, object]) -> Open:
        given = telephony.pick(_START, body)
        if "format" not in given:
            raise ClientError("invalid_option", "MEDIA_START has a format")
        variables = _options(given.get("channel_variables", {}))
        asked = telephony.pick(telephony.READERS, {**self._query, **variables})
        names = (given.get(key, "") for key in ("channel_id", "channel", "connection_id"))
        name = next(filter(None, names), "")
        options, about = telephony.terms(self._defaults, asked, labels=("",), name=name)
        return Open(options, _FORMATS[given["format"]], telephony.EVENTS, about)

    def _caught_up(self) -> Iterator[Command]:
        """Go through what came before the call was open."""
        for early in self._early.release():
            try:
                if isinstance(early, bytes):
                    yield from self.receive_binary(early)
                else:
                    yield from self._heard(early)
            except ClientError as error:
                yield Mistake(error.code, error.message)


def _options(variables: Mapping[str, object]) -> Mapping[str, object]:
    """Return the variables that are options, by the options' names.

    Underscores before a name make Asterisk hand the variable on to further channels.
    """
    plain = {name.lstrip("_").lower(): value for name, value in variables.items()}
    return {
        name.removeprefix(_PREFIX): value
        for name, value in plain.items()
        if name.startswith(_PREFIX)
    }


def _media(offered: Sequence[str]) -> str | None:
    return "media" if "media" in offered else None


PROTOCOL = Protocol(
    "asterisk",
    AsteriskCodec,
    path="/asterisk",
    subprotocol=_media,
    credential_in=Carrier.QUERY,
)
