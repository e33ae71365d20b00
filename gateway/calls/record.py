"""What Redis keeps of a session so that any gateway can go on with it, and the client's token."""

import secrets
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple, Self

from common.options import SessionOptions
from common.pipeline.record import Message, pack
from gateway.protocols.commands import SPEECH_EVENTS, AudioFormat


@dataclass(frozen=True, slots=True)
class _Terms:
    """What of a record stays as it is while the session lasts."""

    audio: AudioFormat
    events: tuple[str, ...]
    align: bool
    denoise: bool
    doorbell: str


_TERMS = Message(_Terms)
_OPTIONS = Message(SessionOptions)


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """On what terms a session is let in, and the options in force.

    `align`: words may come from aligners. `doorbell` is the gateway that its workers ring, whoever
    owns it now.
    """

    options: SessionOptions
    audio: AudioFormat
    events: frozenset[str]
    align: bool
    doorbell: str

    @property
    def speech(self) -> bool:
        """Whether the client wants any speech event."""
        return not self.events.isdisjoint(SPEECH_EVENTS)

    def pack(self) -> bytes:
        """Encode for Redis what stays as it is while the session lasts."""
        terms = _Terms(
            self.audio,
            tuple(sorted(self.events)),
            self.align,
            self.options.denoise,
            self.doorbell,
        )
        return pack(terms)

    def pack_options(self) -> bytes:
        """Encode for Redis what a client may change, and what it goes with."""
        return pack(self.options)

    @classmethod
    def unpack(cls, terms: bytes, options: bytes) -> Self:
        """Read what `pack` and `pack_options` wrote; ValueError if of an incompatible release."""
        kept = _TERMS.unpack(terms)
        asked = replace(_OPTIONS.unpack(options), denoise=kept.denoise)
        return cls(asked, kept.audio, frozenset(kept.events), kept.align, kept.doorbell)


class ResumeToken(NamedTuple):
    """A session and the secret that proves the right to come back to it.

    Redis holds only the secret's hash: who can read Redis cannot resume.
    """

    session: str
    secret: str

    @classmethod
    def issue(cls, session: str) -> Self:
        """Make a new token with 144 bits of chance."""
        return cls(session, secrets.token_urlsafe(18))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `str(token)`; None when it is none."""
        session, dot, secret = text.partition(".")
        plausible = dot and session.isalnum() and session.isascii() and secret
        return cls(session, secret) if plausible else None

    def __str__(self) -> str:
        return f"{self.session}.{self.secret}"

    @property
    def digest(self) -> str:
        """What Redis keeps of the secret."""
        return sha256(self.secret.encode()).hexdigest()
