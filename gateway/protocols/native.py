"""The native protocol, ``/ws/asr``: JSON messages for control, binary messages of audio.

Before its config is accepted, any mistake of the client is fatal. Afterwards a bad message is
answered by an error, changes nothing, and the call goes on.

    state      config          resume      binary     flush      finalize
    NEW        OPEN            RESUMING    error      error      error
    RESUMING   error           error       error      error      error
    OPEN       OPEN            error       OPEN       OPEN       FINISHING
    FINISHING  error           error       once       error      error

(resume: a config with that option. once: the first gets an error, the rest nothing; none is used.
RESUMING ends when the session is found, as OPEN or FINISHING; errors in it are fatal. Only then are
options that came beside `resume` compared with the call's.)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Any

from common.options import OPTIONS, SessionOptions
from gateway.protocols import fields, naming
from gateway.protocols.api import ClientError, Codec, Message, Protocol, Request
from gateway.protocols.commands import (
    ACK,
    CODINGS,
    ENCODINGS,
    EVENTS,
    LONGEST_NAME,
    LONGEST_URL,
    MAX_CHANNELS,
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    About,
    Audio,
    AudioFormat,
    Coding,
    Command,
    Configure,
    Finish,
    Flush,
    Open,
    Resume,
    decoded,
)
from gateway.protocols.events import Event, Failed
from gateway.protocols.native_messages import messages
from gateway.protocols.options import readers, with_changes

MOST_TEXT = 3 << 16
"""Characters of a text message: more than every option at its longest, each character escaped."""

_AUDIO: Mapping[str, fields.Reader] = {
    "encoding": fields.one_of((*ENCODINGS, *CODINGS)),
    "sample_rate": fields.integer(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE),
    "channels": fields.one_of(range(1, MAX_CHANNELS + 1)),
}
_CHANGEABLE = tuple(each.name for each in OPTIONS.values() if each.changeable)
_EVENTS: Mapping[str, fields.Reader] = {"events": fields.subset_of(EVENTS)}
_RESUME: Mapping[str, fields.Reader] = {
    "resume": fields.text(200),
    "seq": fields.integer(0, 2**53),
    "attempt": fields.integer(1, 2**53),
}
_ABOUT = {"channel_labels": "labels", "conversation_id": "conversation", "webhook": "webhook"}
"""Options that say what the call is, by their names in `About`."""
_CONFIG = {
    **_AUDIO,
    "channel_labels": fields.texts(MAX_CHANNELS, LONGEST_NAME),
    "conversation_id": fields.printable(LONGEST_NAME),
    "webhook": fields.printable(LONGEST_URL),
    **readers(),
    **_EVENTS,
}

_SUBPROTOCOL = "callscribe"
_TEXT_MESSAGES = ("config", "flush", "finalize")


class _State(Enum):
    NEW = auto()
    RESUMING = auto()
    OPEN = auto()
    FINISHING = auto()


class NativeCodec(Codec):
    """One connection's native codec; `defaults` hold for options that its config lacks."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        del request  # everything is said in messages
        self._state = _State.NEW
        self._opened = Open(defaults, AudioFormat())
        self._repeated: Mapping[str, Any] = {}
        """Options that came beside `resume`."""
        self._denoised = False
        """Whether the call was opened with `denoise`, which can be switched then."""
        self._late_audio = False

    @property
    def verbatim(self) -> bool:
        """See `gateway.protocols.api.Codec`."""
        return self._state is _State.OPEN

    def receive_text(self, message: str) -> Sequence[Command]:
        """Translate a JSON message."""
        fields.check_length(message, MOST_TEXT)
        try:
            return self._receive(fields.parse_object(message))
        except ClientError as error:
            raise self._graded(error) from None

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """Translate a message of audio."""
        if self._state is _State.OPEN:
            return (Audio(data),)
        if self._late_audio:
            return ()
        # Only once: a recorder that is still running would get ten errors a second.
        self._late_audio = self._state is _State.FINISHING
        raise self._graded(self._out_of_order("audio"))

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """Translate an event; a type that the client did not opt into is not sent."""
        if isinstance(event, Failed) and event.code == "denoise_unavailable":
            self._denoised = False
            options = replace(self._opened.options, denoise=False)
            self._opened = replace(self._opened, options=options)
        said = messages(self._opened, event, now)
        return [json.dumps(message, ensure_ascii=False) for message in said]

    def restore(self, opened: Open, *, denoised: bool, ended: bool) -> None:
        """See `gateway.protocols.api.Codec`."""
        self._opened, self._denoised = opened, denoised
        given = self._repeated.items()
        differing = [name for name, value in given if value != self._current(name)]
        if differing:
            text = "not as in the call; leave it out, or repeat what the call has now"
            raise self._graded(ClientError("option_fixed", f"{', '.join(differing)}: {text}"))
        self._state = _State.FINISHING if ended else _State.OPEN

    # --- from the client ---

    def _receive(self, message: Mapping[str, object]) -> Sequence[Command]:
        kind = message.get("type")
        if not isinstance(kind, str) or kind not in _TEXT_MESSAGES:
            known = ", ".join(_TEXT_MESSAGES)
            shown = ascii(kind[:40]) if isinstance(kind, str) else "missing or no string"
            raise ClientError("unknown_type", f"type is {shown}; known are {known}")
        deaf = self._state in (_State.RESUMING, _State.FINISHING)
        if deaf or (self._state is _State.NEW and kind != "config"):
            raise self._out_of_order(kind)
        if kind == "config":
            return self._config({name: message[name] for name in message if name != "type"})
        if kind == "flush":
            return (Flush(),)
        self._state = _State.FINISHING
        return (Finish(),)

    def _config(self, body: dict[str, object]) -> Sequence[Command]:
        if body.get("resume") is not None:
            return self._resume(body)
        body.pop("resume", None)
        if self._state is _State.OPEN:
            try:
                return self._reconfigure(fields.read_fields(_CONFIG, body))
            except ClientError as error:
                raise fields.unchanged(error) from None
        given = fields.read_fields(_CONFIG, body)
        options = with_changes(self._opened.options, given)
        audio, coding = _audio(given)
        about = _about(given, audio.channels)
        events = given.get("events", frozenset())
        self._opened = Open(options, audio, events, about, coding=coding)
        self._denoised = options.denoise
        self._state = _State.OPEN
        return (self._opened,)

    def _resume(self, body: dict[str, object]) -> Sequence[Command]:
        if self._state is not _State.NEW:
            raise ClientError("option_fixed", "resume opens a connection; this one has a call")
        given = fields.read_fields({**_RESUME, **_CONFIG}, body)
        if given.get("encoding") in CODINGS:
            text = "compressed audio cannot be resumed in the middle: open another call"
            raise ClientError("invalid_option", f"resume: {text}")
        self._repeated = {name: value for name, value in given.items() if name in _CONFIG}
        self._state = _State.RESUMING
        return (Resume(given["resume"], given.get("seq", 0), given.get("attempt", 0)),)

    def _reconfigure(self, given: dict[str, Any]) -> Sequence[Command]:
        """Change what may change; any other option may be repeated but not changed."""
        options = with_changes(self._opened.options, given)
        for name, value in given.items():
            if value == self._current(name):
                continue
            if name == "denoise" and not self._denoised:
                text = "denoise can be switched only in a call that was opened with it"
                raise ClientError("option_fixed", text)
            if name in _CHANGEABLE:
                continue
            raise ClientError(
                "audio_format_fixed" if name in _AUDIO else "option_fixed",
                f"{name} cannot change during a session; {', '.join(_CHANGEABLE)} can",
            )
        self._opened = replace(self._opened, options=options)
        return (Configure(options),)

    def _current(self, name: str) -> object:
        opened = self._opened
        if name in _EVENTS:
            return opened.events
        if name in _ABOUT:
            return getattr(opened.about, _ABOUT[name])
        if name == "encoding" and opened.coding is not None:
            return opened.coding
        return getattr(opened.audio if name in _AUDIO else opened.options, name)

    def _out_of_order(self, what: str) -> ClientError:
        if self._state is _State.NEW:
            code = "audio_before_config" if what == "audio" else "config_expected"
            return ClientError(code, f'{what} before the config: send {{"type":"config"}} first')
        if self._state is _State.RESUMING:
            text = f"{what} while resuming: session_created will tell from where to go on"
            return ClientError("resuming", text)
        return ClientError("finalized", f"{what} after finalize was not used")

    def _graded(self, error: ClientError) -> ClientError:
        if self._state not in (_State.NEW, _State.RESUMING):
            return error
        return fields.fatal(error)


def _audio(given: Mapping[str, Any]) -> tuple[AudioFormat, Coding | None]:
    """Return the format of a call's audio, and what it is compressed as."""
    audio = {name: given[name] for name in _AUDIO if name in given}
    coding = audio.get("encoding")
    if coding not in CODINGS:
        return AudioFormat(**audio), None
    if "sample_rate" in audio:
        text = f"sample_rate: audio in {coding} tells its own; leave it out"
        raise ClientError("invalid_option", text)
    if ACK in given.get("events", ()):
        text = f"events: {ACK} is for audio that can be resumed, which {coding} cannot"
        raise ClientError("invalid_option", text)
    return decoded(audio.get("channels", 1)), coding


def _about(given: Mapping[str, Any], channels: int) -> About:
    """Return what a config says of the call."""
    naming.check_labels(given.get("channel_labels", ()), channels)
    return About(**{field: given[name] for name, field in _ABOUT.items() if name in given})


def _named(offered: Sequence[str]) -> str | None:
    """Choose the name that a browser offers beside its token, as ``callscribe, token.<token>``."""
    return _SUBPROTOCOL if _SUBPROTOCOL in offered else None


PROTOCOL = Protocol("native", NativeCodec, path="/ws/asr", resumable=True, subprotocol=_named)
