"""Which bucket a URL means, and the file that has the keys to it."""

import configparser
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from gateway.sinks.query import allow

_OPTIONS = ("endpoint", "region", "profile")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ELSEWHERE = (
    *("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
)
"""Variables that say where keys are if not in a file."""


@dataclass(frozen=True, slots=True)
class Key:
    """What requests are signed with."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A part of the file with keys that AWS's own tools have, too."""

    path: Path
    profile: str

    def read(self) -> Key:
        """Return the key. Raises ValueError, which repeats nothing of the file."""
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(self.path.read_text())
            part = parser[self.profile]
            return Key(
                part["aws_access_key_id"],
                part["aws_secret_access_key"],
                part.get("aws_session_token"),
            )
        except OSError as error:
            raise ValueError(f"{self.path}: {error.strerror}") from None
        except (configparser.Error, UnicodeDecodeError):
            raise ValueError(f"{self.path} is no file with keys") from None
        except KeyError as error:
            raise ValueError(f"{self.path}: [{self.profile}] lacks {error}") from None


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A bucket, and what its objects' names begin with."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None
    key_file: KeyFile | None
    """None: keys are in the environment, or this machine is given them by its cloud."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``s3://bucket/prefix?endpoint=…&region=…&profile=…``. Raises ValueError."""
        parts = urlsplit(url)
        if _BUCKET.fullmatch(parts.netloc) is None:
            raise ValueError("s3: needs the name of a bucket: s3://bucket/prefix")
        given = _options(parts)
        endpoint = given.get("endpoint")
        if endpoint is not None and re.fullmatch(r"https?://[^/@\s]+/?", endpoint) is None:
            raise ValueError("endpoint needs to be http://host:port or https://host:port")
        return cls(
            parts.netloc,
            unquote(parts.path).strip("/"),
            endpoint and endpoint.rstrip("/"),
            given.get("region"),
            _key_file(given.get("profile")),
        )


def _options(parts: SplitResult) -> dict[str, str]:
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    allow(sorted(given), _OPTIONS, "days")
    if empty := sorted(name for name, value in given.items() if not value):
        raise ValueError(f"{empty[0]} is empty")
    return given


def _key_file(profile: str | None) -> KeyFile | None:
    """Return the file to read keys from; one that is named is read, to see whether it can be."""
    path = os.environ.get("AWS_SHARED_CREDENTIALS_FILE")
    asked = profile or os.environ.get("AWS_PROFILE")
    if profile is None and any(name in os.environ for name in _ELSEWHERE):
        return None
    file = KeyFile(Path(path or "~/.aws/credentials").expanduser(), asked or "default")
    if path is None and asked is None and not file.path.exists():
        return None
    file.read()
    return file
