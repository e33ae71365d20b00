"""Decides on every request: who makes it, and whether it may."""

import hmac
import time
from collections.abc import Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from common.pipeline.access import AccessKey, digest, key_id
from gateway.access import tokens
from gateway.access.authority import Authority, Rejected
from gateway.access.credentials import credential
from gateway.access.keyring import Keyring
from gateway.access.origins import Origins
from gateway.access.principal import (
    Principal,
    anonymous,
    of_key,
    of_port,
    of_subject,
    of_token,
    stranger,
)
from gateway.access.rules import Need
from gateway.access.signatures import is_signed

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="callscribe"'}
"""The header of each answer with the status 401 (RFC 6750, 3)."""
_CLOCKS_DIFFER_S = 60
"""By how much the clock of who signed a token may be ahead of ours."""


class Denied(Exception):
    """The request may not be carried out. `code` is for programs and metrics."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @property
    def headers(self) -> dict[str, str]:
        """What belongs to the answer."""
        if self.status is not HTTPStatus.UNAUTHORIZED:
            return {}
        return CHALLENGE


class Gate:
    """`free`: nobody needs a key, whatever there is. `guarded`: even where there is none yet.

    `port_tenant`: whose the calls at ports are whose protocols carry no credential. `auth_token`:
    what Twilio signs with, None to check no signature.
    """

    def __init__(
        self,
        keyring: Keyring,
        authority: Authority | None,
        origins: Origins,
        *,
        port_tenant: str | None,
        auth_token: bytes | None,
        free: bool,
        guarded: bool,
    ) -> None:
        self._keyring = keyring
        self._authority = authority
        self._origins = origins
        self._port_tenant = port_tenant
        self._auth_token = auth_token
        self._free = free
        self._guarded = guarded or authority is not None

    @property
    def open(self) -> bool:
        """Whether nobody needs a key. It ends with the first one, even if that is revoked."""
        return self._free or not (self._guarded or self._keyring)

    def admit(
        self,
        need: Need | None,
        headers: Mapping[str, Sequence[str]],
        address: str,
        *,
        query: Mapping[str, Sequence[str]] | None = None,
        later: bool = False,
        resuming: bool = False,
    ) -> Principal:
        """Return who makes a request, which needs `need`. Raises Denied.

        `headers` by their names in lower case. `query`: where the protocol's clients can put a
        credential nowhere else. `later`: it may also come in a message; until then nothing is
        allowed. `resuming`: it only resumes a call.
        """
        if need is None:
            raise Denied(HTTPStatus.FORBIDDEN, "forbidden", "nobody may do this")
        if need is not Need.NOTHING:
            self._check_page(headers)
        said = credential(headers, query)
        if need is Need.NOTHING or self.open:
            return anonymous(address, said)
        if later and not said:
            return stranger(address)
        return self._allowed(self.identify(said), need, resuming=resuming)

    def check_signature(
        self, headers: Mapping[str, Sequence[str]], header: str, target: str
    ) -> None:
        """Raise Denied if a header has to sign the URL of a handshake, and does not."""
        if self._auth_token is None:
            return
        host, said = ((headers.get(name) or ("",))[-1] for name in ("host", header))
        if not is_signed(f"wss://{host}{target}", said, self._auth_token):
            text = "the URL is not signed with the auth token of this server's account"
            raise Denied(HTTPStatus.FORBIDDEN, "signature", text)

    def page_of(self, headers: Mapping[str, Sequence[str]]) -> str:
        """Return the origin of the page that makes a request, if it may; empty without a page."""
        said = headers.get("origin", ())
        return said[-1] if said and self._origins.allows(headers) else ""

    def at_port(self, address: str) -> Principal:
        """Return who calls at a port whose protocol carries no credential. Raises Denied."""
        if self._port_tenant is not None:
            return of_port(self._port_tenant, address)
        if self.open:
            return anonymous(address)
        text = "this port's clients show no key, and it belongs to no tenant (--port-tenant)"
        raise _unknown("missing_key", text)

    def vouch(self, said: str, before: Principal) -> Principal:
        """Return who opens a call whose credential came in a message. Raises Denied."""
        if self.open or before.scopes:
            return before
        return self._allowed(self.identify(said), Need.TRANSCRIBE)

    def holder(self, headers: Mapping[str, Sequence[str]]) -> Principal | None:
        """Return whose credential is in the headers, None for none. Raises Denied.

        What only resumes a call does not count.
        """
        said = credential(headers)
        return _fresh(self.identify(said)) if said else None

    def identify(self, said: str) -> Principal:
        """Return the holder of a credential. Raises Denied."""
        if not said:
            raise _unknown("missing_key", "this server needs an API key: Authorization: Bearer KEY")
        if not said.isascii():
            raise _no_such_key()
        if said.startswith(tokens.PREFIX):
            return self._holder_of_token(said)
        if (name := key_id(said)) is not None:
            return self._holder_of_key(name, said)
        if self._authority is None or said.count(".") != 2:
            raise _no_such_key()
        try:
            subject = self._authority.check(said)
        except Rejected as why:
            raise _unknown("unknown_token", f"the token does not count: {why}") from None
        return of_subject(subject.tenant, subject.subject, subject.scopes, subject.expires)

    def still_good(self, principal: Principal) -> bool:
        """Whether the key that vouches for a running call still counts.

        A token or key that has only expired lets its calls go on.
        """
        if self.open or not principal.of_keyring:
            return True
        key = self._keyring.find(principal.key)
        return key is not None and not key.revoked

    def check_again(self, principal: Principal) -> None:
        """Raise Denied if the key of one who was let in was revoked meanwhile."""
        if not self.still_good(principal):
            raise _revoked()

    @property
    def has_authority(self) -> bool:
        """Whether another authority's tokens count."""
        return self._authority is not None

    def services(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return the coroutines that keep the gate current, by name."""
        return {} if self._authority is None else {"authority": self._authority.run()}

    def key_of(self, principal: Principal) -> AccessKey | None:
        """Return the key that vouches for a principal, None where none of ours does."""
        return self._keyring.find(principal.key) if principal.of_keyring else None

    def retention_of(self, tenant: str) -> int:
        """See `Keyring`."""
        return self._keyring.retention_of(tenant)

    def audio_a_day(self, key: str) -> int:
        """Return the seconds of audio that the key with this id has a day, 0 for no limit."""
        found = self._keyring.find(key) if key else None
        return 0 if found is None else found.audio_s

    def _check_page(self, headers: Mapping[str, Sequence[str]]) -> None:
        if not self._origins.allows(headers):
            text = "this page may not use this server (--allowed-origins)"
            raise Denied(HTTPStatus.FORBIDDEN, "origin", text)
        # Without keys, only who is on this machine may come: no page whose name was led here.
        if self.open and not self._free and not self._origins.expects(headers):
            text = "without keys this server answers as localhost alone; --no-auth lets all in"
            raise Denied(HTTPStatus.FORBIDDEN, "origin", text)

    def _holder_of_key(self, name: str, said: str) -> Principal:
        key = self._keyring.find(name)
        shown = digest(said)
        # Whether a key with this id was revoked or has expired is for its holder alone.
        if not hmac.compare_digest("" if key is None else key.digest, shown):
            raise _no_such_key()
        return of_key(self._valid(key))

    def _holder_of_token(self, token: str) -> Principal:
        claims = tokens.claims_of(token)
        key = self._keyring.find(claims.key) if claims is not None else None
        if claims is None or key is None or not tokens.is_signed(token, key.digest):
            raise _unknown("unknown_token", "this server made no such token")
        late = time.time() - claims.expires
        if late > tokens.RESUMES_FOR_S:
            raise _unknown("expired_token", "the token has expired")
        if -late > tokens.LONGEST_S + _CLOCKS_DIFFER_S:
            text = f"the token does not count: it would live for more than {tokens.LONGEST_S} s"
            raise _unknown("unknown_token", text)
        return of_token(self._valid(key), claims, expired=late > 0)

    def _valid(self, key: AccessKey | None) -> AccessKey:
        if key is None:
            raise _no_such_key()
        if key.revoked:
            raise _revoked()
        if key.expires and key.expires <= time.time():
            raise _unknown("expired_key", "the key has expired")
        return key

    def _allowed(self, who: Principal, need: Need, *, resuming: bool = False) -> Principal:
        who = who if resuming else _fresh(who)
        if need.value not in who.scopes:
            text = f"this needs a key with the scope {need.value}"
            raise Denied(HTTPStatus.FORBIDDEN, "scope", text)
        return who


def _fresh(who: Principal) -> Principal:
    """Return who has more than an expired token. Raises Denied."""
    if who.resumes_only:
        raise _unknown("expired_token", "the token has expired")
    return who


def _revoked() -> Denied:
    return _unknown("revoked_key", "the key was revoked")


def _no_such_key() -> Denied:
    return _unknown("unknown_key", "this server knows no such key")


def _unknown(code: str, message: str) -> Denied:
    return Denied(HTTPStatus.UNAUTHORIZED, code, message)
