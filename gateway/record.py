"""What Redis keeps of a session so that any gateway can go on with it, and the client's token."""

import secrets
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple, Self

from common.bus.keys import Leg
from common.options import SessionOptions
from common.pipeline.access import OPEN_TENANT
from common.pipeline.record import Message, name_set, pack, sparse
from common.pipeline.stages import DENOISE
from gateway.protocols.commands import SPEECH_EVENTS, TURN_EVENTS, About, AudioFormat, Open


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSpan:
    """The span of a call (OpenTelemetry): every gateway of the call knows it by the same id.

    `trace` and `span` are hexadecimal digits, as `parent`, the client's span, empty for none.
    `state` is the client's `tracestate`. `begun`: seconds since 1970.
    """

    trace: str
    span: str
    begun: float
    parent: str = sparse("")
    state: str = sparse("")


@dataclass(frozen=True, slots=True)
class _Terms:
    """The part of a record that never changes during the session."""

    audio: AudioFormat
    events: tuple[str, ...]
    about: About
    doorbell: str
    tenant: str
    key: str
    retention: int
    stages: frozenset[str] = name_set("align", "denoise")
    span: CallSpan | None = sparse(None)
    recorded: bool = sparse(False)


_TERMS = Message(_Terms)
_OPTIONS = Message(SessionOptions)


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """The terms on which a session was admitted, and its current options.

    `stages`: the names of those beside the required ones that it passes through, or can be given
    results by. `doorbell` is the gateway that its workers ring, whichever
    gateway owns it now. `tenant` alone may see it; `key` is the id of the API key that opened it,
    empty without one. `retention`: seconds that its transcript stays, 0 for the gateway's setting.
    """

    options: SessionOptions
    audio: AudioFormat
    events: frozenset[str]
    about: About
    stages: frozenset[str]
    doorbell: str
    tenant: str = OPEN_TENANT
    key: str = ""
    retention: int = 0
    span: CallSpan | None = None
    """None: no spans are made of it."""
    recorded: bool = False
    """Whether it was opened with the option `record`, which then switches the recording."""

    @property
    def denoised(self) -> bool:
        """Whether its audio passes through the denoiser, which the option `denoise` switches."""
        return DENOISE.name in self.stages

    @property
    def opened(self) -> Open:
        """The command that would open the call as it is now."""
        return Open(self.options, self.audio, self.events, self.about)

    def legs(self, session: str) -> list[Leg]:
        """Return the legs of the session that this describes."""
        return [Leg(session, channel) for channel in range(self.audio.channels)]

    @property
    def names(self) -> set[str]:
        """What its clients know the call by."""
        return {self.about.conversation, self.about.name} - {""}

    @property
    def speech(self) -> bool:
        """Whether the client wants any event that speech events tell of."""
        return self.turns or not self.events.isdisjoint(SPEECH_EVENTS)

    @property
    def turns(self) -> bool:
        """Whether the client wants any event of turns."""
        return not self.events.isdisjoint(TURN_EVENTS)

    def pack(self) -> bytes:
        """Encode for Redis the part that never changes during the session."""
        terms = _Terms(
            self.audio,
            tuple(sorted(self.events)),
            self.about,
            self.doorbell,
            self.tenant,
            self.key,
            self.retention,
            self.stages,
            self.span,
            self.recorded,
        )
        return pack(terms)

    def pack_options(self) -> bytes:
        """Encode for Redis the options, some of them changeable."""
        return pack(self.options)

    @classmethod
    def unpack(cls, terms: bytes, options: bytes) -> Self:
        """Read what `pack` and `pack_options` wrote; ValueError if of an incompatible release."""
        kept = _TERMS.unpack(terms)
        asked = _OPTIONS.unpack(options)
        return cls(
            options=replace(asked, denoise=asked.denoise and DENOISE.name in kept.stages),
            audio=kept.audio,
            events=frozenset(kept.events),
            about=kept.about,
            stages=kept.stages,
            doorbell=kept.doorbell,
            tenant=kept.tenant,
            key=kept.key,
            retention=kept.retention,
            span=kept.span,
            recorded=kept.recorded,
        )


class ResumeToken(NamedTuple):
    """A session and the secret that proves the right to resume it.

    Redis holds only the secret's hash, so reading Redis is not enough to resume.
    """

    session: str
    secret: str

    @classmethod
    def issue(cls, session: str) -> Self:
        """Make a new token with 144 random bits."""
        return cls(session, secrets.token_urlsafe(18))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `str(token)`; None if the text is not one."""
        session, dot, secret = text.partition(".")
        plausible = dot and session.isalnum() and session.isascii() and secret
        return cls(session, secret) if plausible else None

    def __str__(self) -> str:
        return f"{self.session}.{self.secret}"

    def digest(self, tenant: str) -> str:
        """Return the hash that Redis keeps: of the secret, and of the tenant that may use it."""
        return sha256(f"{tenant} {self.secret}".encode()).hexdigest()
