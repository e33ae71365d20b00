"""Twilio Media Streams, ``/twilio``: both legs of a call as mu-law in JSON; nothing is answered.

    client   {"event": "connected"}
             {"event": "start", "start": {"callSid", "tracks", "customParameters", "mediaFormat"}}
             {"event": "media", "media": {"track", "timestamp", "payload"}}
             {"event": "dtmf", "dtmf": {"track", "digit"}}, {"event": "mark"}
             {"event": "stop"}

Each track is a channel: inbound first, then outbound. Numbers come as text. `customParameters`
holds session options, and the API key or token as `token`. A stream is one-way, so results are read
elsewhere, by the `callSid`; what ends a call because of a mistake is the reason of the close
frame.

Lost audio shows in the timestamps: Twilio numbers what it sends, not what it lost.
"""

from collections.abc import Iterator, Mapping, Sequence

from common.options import Kind, SessionOptions
from gateway.protocols import fields, telephony
from gateway.protocols.api import Carrier, ClientError, Codec, Message, Protocol, Request
from gateway.protocols.commands import AudioFormat, Command, Finish, Mistake, Open
from gateway.protocols.events import Event, Failed
from gateway.protocols.tracks import Tracks

MOST_TEXT = 1 << 16
"""Characters of a message; Twilio's have a few hundred."""

_LABELS = {"inbound": "customer", "outbound": "agent"}
"""Tracks in the order of their channels, and what their channels are called by default."""
_RATE = 8_000
_LONGEST_MS = 48 * 3_600_000
"""Twilio's longest call has 24 hours."""
_SILENCE = b"\xff"
"""Zero in mu-law (ITU-T G.711)."""
_UNSUPPORTED_DATA = 1003
"""Close code (RFC 6455, 7.4.1)."""


_START: Mapping[str, fields.Reader] = {
    "callSid": telephony.NAME,
    "tracks": fields.subset_of(_LABELS),
    "customParameters": fields.mapping,
    "mediaFormat": lambda name, value: telephony.pick(_FORMAT, fields.mapping(name, value)),
}
_FORMAT: Mapping[str, fields.Reader] = {
    "encoding": fields.one_of(("audio/x-mulaw",)),
    "sampleRate": telephony.loose(Kind.INT, fields.one_of((_RATE,))),
    "channels": telephony.loose(Kind.INT, fields.one_of((1,))),
}
_MEDIA: Mapping[str, fields.Reader] = {
    "track": fields.one_of(_LABELS),
    "timestamp": telephony.loose(Kind.INT, fields.integer(0, _LONGEST_MS)),
    "payload": fields.base64,
}


class TwilioCodec(Codec):
    """One connection's codec."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        del request  # everything is said in messages
        self._defaults = defaults
        self._channels: dict[str, int] = {}
        """The channel of each track; empty before the call is open."""
        self._tracks = Tracks(1, _SILENCE)
        self._early: telephony.Early[Mapping[str, object]] = telephony.Early("start")
        self._stopped = False
        self._complaint = ""

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`."""
        fields.check_length(message, MOST_TEXT)
        try:
            body = fields.parse_object(message)
        except ClientError as error:
            raise error if self._channels else fields.fatal(error) from None
        kind = body.get("event")
        if kind == "start":
            return self._start(body)
        if kind not in ("media", "dtmf", "stop"):
            return ()  # connected, mark, and what Twilio may add
        if not self._channels:
            self._early.hold(body, len(message))
            return ()
        return self._heard(body)

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """See `Codec`."""
        text = "audio comes in media messages, which are text"
        raise ClientError("unknown_type", text, close_code=_UNSUPPORTED_DATA)

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`: a stream is one-way."""
        if isinstance(event, Failed) and event.fatal:
            self._complaint = event.message
        return ()

    def closing(self, close_code: int, reason: str) -> tuple[int, str]:
        """See `Codec`: the only place to say what was wrong."""
        return close_code, telephony.reason(self._complaint) or reason

    def _heard(self, body: Mapping[str, object]) -> Sequence[Command]:
        """Return what a message of an open call means."""
        kind = body.get("event")
        if self._stopped:
            raise ClientError("stopped", f"{kind} after stop was not used")
        if kind == "media":
            return self._media(_part(body, "media"))
        if kind == "dtmf":
            return self._dtmf(_part(body, "dtmf"))
        self._stopped = True
        return (*self._tracks.flush(), Finish())

    def _start(self, body: Mapping[str, object]) -> Sequence[Command]:
        if self._channels:
            raise ClientError("started", "start comes once")
        try:
            opening = self._opening(_part(body, "start"))
        except ClientError as error:
            raise fields.fatal(error) from None
        return [*opening, *self._caught_up()]

    def _opening(self, start: Mapping[str, object]) -> Sequence[Command]:
        given = telephony.pick(_START, start)
        carried = given.get("tracks") or {"inbound"}
        tracks = [track for track in _LABELS if track in carried]
        custom = given.get("customParameters", {})
        asked, mistakes = telephony.pick_own(telephony.READERS, custom)
        labels = tuple(_LABELS[track] for track in tracks)
        name = given.get("callSid", "")
        try:
            options, about = telephony.terms(self._defaults, asked, labels=labels, name=name)
        except ClientError as error:
            mistakes.append(telephony.left_out(error))
            options, about = telephony.terms(self._defaults, {}, labels=labels, name=name)
        self._channels = {track: channel for channel, track in enumerate(tracks)}
        self._tracks = Tracks(len(tracks), _SILENCE)
        audio = AudioFormat("mulaw", _RATE, len(tracks))
        said = str(custom.get("token", ""))
        return (Open(options, audio, telephony.EVENTS, about, credential=said), *mistakes)

    def _caught_up(self) -> Iterator[Command]:
        """Go through what came before the call was open."""
        for early in self._early.release():
            try:
                yield from self._heard(early)
            except ClientError as error:
                yield Mistake(error.code, error.message)

    def _media(self, media: Mapping[str, object]) -> Sequence[Command]:
        given = telephony.pick(_MEDIA, media)
        channel = self._channels.get(given.get("track", "inbound"))
        if channel is None:
            raise ClientError("unknown_track", "media of a track that start did not name")
        ms = given.get("timestamp")
        at = None if ms is None else ms * _RATE // 1000
        return self._tracks.push(channel, given.get("payload", b""), at)

    def _dtmf(self, dtmf: Mapping[str, object]) -> Sequence[Command]:
        track = dtmf.get("track", "inbound")
        channel = self._channels.get(str(track).removesuffix("_track"))
        digit = telephony.digit(channel or 0, dtmf.get("digit"))
        return () if channel is None else (digit,)


def _part(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    return fields.mapping(name, body.get(name))


PROTOCOL = Protocol(
    "twilio",
    TwilioCodec,
    path="/twilio",
    speaks_in_text=True,
    credential_in=Carrier.MESSAGES,
    signature="x-twilio-signature",
)
