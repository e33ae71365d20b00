"""What Redis keeps of a session so that any gateway can go on with it, and the client's token."""

import secrets
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import NamedTuple, Self

from common.bus import wire
from common.options import SessionOptions
from gateway.fronts.api import SPEECH_EVENTS, AudioFormat


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
        return wire.pack(
            {
                "audio": asdict(self.audio),
                "events": sorted(self.events),
                "align": self.align,
                "denoise": self.options.denoise,
                "doorbell": self.doorbell,
            }
        )

    def pack_options(self) -> bytes:
        """Encode for Redis what a client may change, and what it goes with."""
        return wire.pack(self.options.to_wire())

    @classmethod
    def unpack(cls, terms: bytes, options: bytes) -> Self:
        """Read what `pack` and `pack_options` wrote; ValueError if of an incompatible release."""
        body = wire.unpack(terms)
        asked = SessionOptions.from_wire(wire.unpack(options))
        return cls(
            replace(asked, denoise=body["denoise"]),
            AudioFormat(**body["audio"]),
            frozenset(body["events"]),
            body["align"],
            body["doorbell"],
        )


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
