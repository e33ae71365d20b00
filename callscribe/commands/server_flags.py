"""The flags that say which server a command calls, and whom it trusts."""

import os
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext

from common.errors import SettingsError
from common.settings import API_KEY, FlagParser

CALLS = "ws://127.0.0.1:8000/ws/asr"
"""Where the native protocol is by default."""
PAGES = "http://127.0.0.1:8000"
"""Where the gateway's other resources are by default."""
_WITH_TLS = ("wss://", "https://")


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where the server is, at one URL or more, and how it and the caller prove who they are."""

    urls: Sequence[str]
    api_key: str | None = field(default=None, repr=False)
    tls: SSLContext | None = None
    """Replaces Python's default trust."""


def add_server_flags(
    parser: FlagParser, default: str, several: str = "where to go when one fails"
) -> None:
    """Add the flags; `default` is the URL where none is given, `several` what more of them mean."""
    group = parser.add_argument_group("server")
    text = f"default {default}; several: {several}"
    group.add_argument("--url", action="append", default=[], dest="urls", metavar="URL", help=text)
    keys = group.add_mutually_exclusive_group()
    keys.add_argument("--api-key", metavar="KEY", help=f"sent as bearer token; default {API_KEY}")
    text = "file with the key: others on this machine see the flags of a command"
    keys.add_argument("--api-key-file", type=Path, metavar="FILE", help=text)
    trusted = group.add_mutually_exclusive_group()
    text = "PEM certificate to trust: an authority's, or the server's own"
    trusted.add_argument("--ca-file", type=Path, metavar="PEM", help=text)
    text = "trust exactly the certificate with this fingerprint, as the server prints it"
    trusted.add_argument("--fingerprint", metavar="SHA256", help=text)
    parser.set_defaults(default_url=default)


def server_of(arguments: Namespace) -> Server:
    """Return the server that the flags name, and take the flags out of `arguments`.

    SettingsError for a key or certificate that cannot be read, and for a certificate to trust where
    a URL has no TLS: that connection would be open to all.
    """
    given = vars(arguments)
    default, urls = given.pop("default_url"), given.pop("urls")
    ca_file, fingerprint = given.pop("ca_file"), given.pop("fingerprint")
    server = Server(
        urls=urls or [default],
        api_key=_api_key(given.pop("api_key"), given.pop("api_key_file")),
        tls=_trusted(ca_file, fingerprint),
    )
    for url in server.urls if server.tls else ():
        if not url.lower().startswith(_WITH_TLS):
            flag = "--fingerprint" if ca_file is None else "--ca-file"
            raise SettingsError(f"{flag}: {url} has no TLS, its scheme is not wss or https")
    return server


def _trusted(ca_file: Path | None, fingerprint: str | None) -> SSLContext | None:
    if ca_file is None and fingerprint is None:
        return None
    from callscribe.client.trust import trust

    return trust(ca_file, fingerprint)


def _api_key(given: str | None, file: Path | None) -> str | None:
    if file is None:
        return given or os.environ.get(API_KEY) or None
    try:
        return file.read_text().strip()
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"--api-key-file: {file} cannot be read: {error}") from error
