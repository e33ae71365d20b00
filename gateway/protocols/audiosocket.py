"""Asterisk's AudioSocket: frames over TCP, each a kind, a length (16 bits, big-endian), a payload.

    client   0x01 the call's UUID, 16 bytes        first
             0x10 … 0x18 PCM16, little-endian      the kind tells the rate
             0x03 a DTMF digit, ASCII
             0x00 hang up, 0xff an error           last
    server   0x00                                  the call cannot go on

The call opens with its first audio; digits before it wait for it. Each kind of audio tells a rate,
which may change in mid-call. To close the connection would end the caller's own call, so what is
not understood behind the UUID is left out. The protocol has no message for text: results are read
elsewhere, by the UUID
(https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/).
"""

from collections.abc import Sequence
from uuid import UUID

from common.options import SessionOptions
from gateway.protocols import telephony
from gateway.protocols.api import (
    WARM,
    Carrier,
    ClientError,
    Codec,
    Message,
    Protocol,
    Request,
    Transport,
)
from gateway.protocols.commands import (
    About,
    Audio,
    AudioFormat,
    Command,
    Digit,
    Finish,
    Mistake,
    Open,
    Reformat,
)
from gateway.protocols.events import Event, Failed, GoingAway

HANG_UP = b"\x00\x00\x00"

_HEADER = 3
_HANG_UP, _UUID, _DIGIT, _ERROR = 0x00, 0x01, 0x03, 0xFF
_RATES = {
    **{0x10: 8_000, 0x11: 12_000, 0x12: 16_000, 0x13: 24_000, 0x14: 32_000},
    **{0x15: 44_100, 0x16: 48_000, 0x17: 96_000, 0x18: 192_000},
}
_POLICY_VIOLATION = 1008
_MOST_DIGITS = 64
"""Digits that wait for the first audio."""


class AudioSocketCodec(Codec):
    """One connection's codec."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        del request  # it says nothing
        self._options = defaults
        self._rest = bytearray()
        """The beginning of a frame."""
        self._name: str | None = None
        self._rate: int | None = None
        """The sample rate of the audio, once the call is open."""
        self._digits: list[Digit] = []
        """Those that came before any audio."""
        self._finished = False

    @property
    def introduced(self) -> bool:
        """See `Codec`: a line may be silent, but it begins with its UUID."""
        return self._name is not None

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`."""
        raise NotImplementedError("TCP carries bytes")

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """See `Codec`; audio of the same bytes is joined."""
        commands: list[Command] = []
        audio: list[bytes] = []
        self._rest += data
        try:
            while not self._finished and (frame := self._frame()) is not None:
                for command in self._read(*frame):
                    if isinstance(command, Audio):
                        audio.append(command.data)
                        continue
                    commands += _joined(audio)
                    commands.append(command)
        except ClientError as error:
            error.before = [*commands, *_joined(audio)]
            raise
        return [*commands, *_joined(audio)]

    def receive_end(self) -> Sequence[Command]:
        """See `Codec`."""
        return () if self._finished else self._end()

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`: all that it can tell is that the call cannot go on."""
        match event:
            case Failed(fatal=True) | GoingAway():
                return (HANG_UP,)
        return ()

    def _frame(self) -> tuple[int, bytes] | None:
        """Remove and return the next whole frame's kind and payload."""
        rest = self._rest
        if self._name is None and rest and rest[0] != _UUID:
            raise _broken("uuid_expected", f"kind {rest[0]:#04x} before the UUID")
        if len(rest) < _HEADER:
            return None
        end = _HEADER + int.from_bytes(rest[1:_HEADER], "big")
        if len(rest) < end:
            return None
        kind, payload = rest[0], bytes(rest[_HEADER:end])
        del rest[:end]
        return kind, payload

    def _read(self, kind: int, payload: bytes) -> Sequence[Command]:
        if self._name is None:
            return self._identify(payload)
        if kind == _DIGIT:
            return self._signalled(payload)
        if kind in (_HANG_UP, _ERROR):
            return self._end()
        if (rate := _RATES.get(kind)) is None:
            text = f"a frame of kind {kind:#04x} with {len(payload)} bytes was left out"
            return (Mistake("unknown_type", text),)
        if self._rate is None:
            return (*self._opening(rate), Audio(payload))
        if self._rate == rate:
            return (Audio(payload),)
        self._rate = rate
        return (Reformat(AudioFormat("pcm16", rate, 1)), Audio(payload))

    def _identify(self, payload: bytes) -> Sequence[Command]:
        if len(payload) != 16:
            raise _broken("invalid_uuid", "a UUID has 16 bytes")
        self._name = str(UUID(bytes=payload))
        return ()

    def _signalled(self, payload: bytes) -> Sequence[Command]:
        try:
            digit = telephony.digit(0, payload.decode("ascii", "replace"))
        except ClientError as error:
            return (Mistake(error.code, f"{error.message}, not {payload[:8]!r}"),)
        if self._rate is not None:
            return (digit,)
        if len(self._digits) == _MOST_DIGITS:
            text = f"more than {_MOST_DIGITS} digits before any audio"
            return (Mistake("invalid_digit", text),)
        self._digits.append(digit)
        return ()

    def _opening(self, rate: int) -> Sequence[Command]:
        self._rate = rate
        about = About(name=self._name or "")
        audio = AudioFormat("pcm16", rate, 1)
        return (Open(self._options, audio, telephony.EVENTS, about), *self._digits)

    def _end(self) -> Sequence[Command]:
        opening: Sequence[Command] = ()
        if self._rate is None:
            if not self._digits:
                raise _broken("no_audio", "the connection ended without audio")
            opening = self._opening(_RATES[0x10])
        self._finished = True
        return (*opening, Finish())


def _joined(audio: list[bytes]) -> Sequence[Command]:
    """Return the audio gathered so far as one command, and clear it."""
    data = b"".join(audio)
    audio.clear()
    return (Audio(data),) if data else ()


def _broken(code: str, message: str) -> ClientError:
    return ClientError(code, message, close_code=_POLICY_VIOLATION)


PROTOCOL = Protocol(
    "audiosocket",
    AudioSocketCodec,
    transport=Transport.TCP,
    port="audiosocket_port",
    usual_port=9092,
    credential_in=Carrier.NOWHERE,
    waits_s=WARM,
)
