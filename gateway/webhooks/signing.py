"""Signatures of webhooks, by Standard Webhooks (https://www.standardwebhooks.com). Pure."""

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64
"""Bytes of a secret."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """The keys that every message is signed with: several while one replaces another."""

    keys: Sequence[bytes] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``whsec_<base64>``, one a line; ValueError names a bad line, not its secret."""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return cls(tuple(_key(number, line) for number, line in enumerate(lines, 1)))

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """Return the headers of a message; `timestamp` in s since 1970."""
        signed = f"{message_id}.{timestamp}.".encode() + body
        digests = (hmac.digest(key, signed, "sha256") for key in self.keys)
        signatures = [f"v1,{base64.b64encode(digest).decode()}" for digest in digests]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signatures),
        }


def _key(number: int, line: str) -> bytes:
    try:
        key = base64.b64decode(line.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"line {number} is no base64") from None
    if not line.startswith(_PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(
            f"line {number} must be {_PREFIX} and base64 of {_SHORTEST} to {_LONGEST} bytes"
        )
    return key
