"""Short-lived tokens, usage, and what a client must show: the resources of access itself."""

import json
import re
import time
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from aiohttp import web

from common.pipeline.access import AccessKey, check_tenant
from gateway.access import tokens
from gateway.access.gate import Gate
from gateway.access.meter import Meter
from gateway.http.guard import WHO
from gateway.http.problems import bad_request, forbidden
from gateway.protocols.api import ClientError, by_name
from gateway.protocols.fields import mapping, read_fields
from gateway.protocols.options import readers

_MOST_DAYS = 400
_NUMBER = re.compile(r"[0-9]{1,9}")


class AccessResources:
    """Answers for one deployment."""

    def __init__(self, gate: Gate, meter: Meter) -> None:
        self._gate = gate
        self._meter = meter

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes."""
        return [
            web.get("/v1/access", self._access),
            web.post("/v1/tokens", self._mint),
            web.get("/v3/token", self._mint_for_assemblyai),
            web.get("/v1/usage", self._usage),
        ]

    async def _access(self, request: web.Request) -> web.StreamResponse:
        """Say whether a key is needed, and what one may do that came along."""
        if self._gate.open:
            return web.json_response({"key_needed": False})
        who = self._gate.holder(by_name(request.headers.items()))
        scopes = {} if who is None else {"scopes": sorted(who.scopes)}
        return web.json_response({"key_needed": True, **scopes})

    async def _mint(self, request: web.Request) -> web.StreamResponse:
        key = self._key(request)
        asked = await _asked(request)
        seconds = _lifetime("seconds", asked.pop("seconds", tokens.USUAL_S))
        options = asked.pop("options", {})
        if asked:
            raise bad_request("unknown_field", f"there are seconds and options, not {min(asked)!a}")
        try:
            bound = read_fields(readers(), mapping("options", options))
        except ClientError as error:
            raise bad_request(error.code, error.message) from None
        token, expires = _minted(key, seconds, bound)
        return web.json_response({"token": token, "expires_at": expires})

    async def _mint_for_assemblyai(self, request: web.Request) -> web.StreamResponse:
        """Answer as AssemblyAI does, whose clients then connect to `/v3/ws`."""
        key = self._key(request)
        name = "expires_in_seconds"
        said = request.query.get(name, "")
        seconds = _lifetime(name, int(said) if _NUMBER.fullmatch(said) else None)
        began = int(time.time())
        token, expires = _minted(key, seconds, {})
        return web.json_response({"token": token, name: min(seconds, expires - began)})

    def _key(self, request: web.Request) -> AccessKey:
        """Return the key that a request for a token came with."""
        key = self._gate.key_of(who := request[WHO])
        if key is None or who.once:
            raise forbidden("no_key", "tokens are made with an API key of this server")
        return key

    async def _usage(self, request: web.Request) -> web.StreamResponse:
        who = request[WHO]
        tenant = request.query.get("tenant", who.tenant)
        try:
            check_tenant(tenant)
        except ValueError as error:
            raise bad_request("tenant", str(error)) from None
        if tenant != who.tenant and not who.operator:
            text = "another tenant's usage needs a key with the scope admin"
            raise forbidden("scope", text)
        last = _day(request, "to", date.today())
        month_ago = last - min(timedelta(days=30), last - date.min)
        first = _day(request, "from", month_ago)
        days = (last - first).days + 1
        if not 1 <= days <= _MOST_DAYS:
            raise bad_request("from", f"from is at most {_MOST_DAYS - 1} days before to")
        listed = await self._meter.usage(tenant, first, days)
        return web.json_response({"tenant": tenant, "days": listed})


def _lifetime(name: str, seconds: object) -> int:
    if type(seconds) is not int or not tokens.SHORTEST_S <= seconds <= tokens.LONGEST_S:
        raise bad_request(name, f"{name} is {tokens.SHORTEST_S} to {tokens.LONGEST_S}")
    return seconds


def _minted(key: AccessKey, seconds: int, options: Mapping[str, Any]) -> tuple[str, int]:
    """Return a new token, and when it expires, in s since 1970: not later than its key."""
    expires = int(time.time()) + seconds
    if key.expires:
        expires = min(expires, key.expires)
    return tokens.mint(key.id, key.digest, expires, options), expires


async def _asked(request: web.Request) -> dict[str, object]:
    text = await request.text()
    try:
        asked = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise bad_request("invalid_json", "the body is a JSON object, or empty")
    return asked


def _day(request: web.Request, name: str, usual: date) -> date:
    said = request.query.get(name, "")
    try:
        return date.fromisoformat(said) if said else usual
    except ValueError:
        raise bad_request(name, f"{name} is a day such as 2026-01-31, not {said[:40]!a}") from None
