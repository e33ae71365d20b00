"""Which hosts a site has, and what each runs: read from TOML and checked. Pure."""

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Any, TypeVar

from callscribe.hosts.roles import ROLES, Role
from common.errors import SettingsError
from common.settings import merge, settings_classes

T = TypeVar("T")

MOST = 20
"""Processes of one role on a host: their ports lie side by side."""
SECRETS = "secrets"
"""No host's name: the directory of this name keeps what is secret."""

_SITE_KEYS = ("names", "certificate", "redis_maxmemory", "settings", "hosts")
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NAME = re.compile(rf"{_HOST.pattern}(\.{_HOST.pattern})*")
_MEMORY = re.compile(r"[1-9][0-9]*(mb|gb)")
_OURS = frozenset(
    {
        *("redis_url", "log_format", "drain_s", "host", "port", "admin_host", "admin_port"),
        *("metrics_host", "metrics_port", "ssl_certfile", "ssl_keyfile", "trusted_proxies"),
        *("generate_self_signed_cert", "self_signed_cert_dir", "no_auth"),
        *("stream_port", "stream_ws_port", "vosk_port", "audiosocket_port"),
    }
)
"""Settings that follow from the inventory or are the units' own."""


@dataclass(frozen=True)
class Host:
    """One machine."""

    name: str
    address: str
    redis: bool
    proxy: bool
    prometheus: bool
    counts: Mapping[str, int]
    """How many processes of each role, by its name."""

    def ports(self, role: Role) -> list[int]:
        """Return the ports of its processes of a role."""
        return [role.first_port + number for number in range(self.counts.get(role.name, 0))]

    @property
    def roles(self) -> list[Role]:
        """What it runs of callscribe itself."""
        return [role for name, role in ROLES.items() if self.counts.get(name)]


@dataclass(frozen=True)
class Inventory:
    """A site."""

    hosts: tuple[Host, ...]
    names: tuple[str, ...]
    """What callers call the site, besides its proxies' addresses."""
    certificate: str | None
    """File with the proxies' certificate chain and its key, if the site has one."""
    maxmemory: str
    """Of Redis, as its own file spells it."""
    variables: Mapping[str, str]
    """Settings of every process, as variables."""

    @property
    def redis(self) -> Host:
        """The host that has Redis."""
        (host,) = (each for each in self.hosts if each.redis)
        return host

    @property
    def proxies(self) -> list[Host]:
        """The hosts that callers reach."""
        return [each for each in self.hosts if each.proxy]


def parse(text: str) -> Inventory:
    """Read an inventory; SettingsError names the line or the key that is wrong."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(str(error)) from None
    site = _Table("", document, _SITE_KEYS)
    hosts: dict[str, Any] = site.get("hosts", _table, {})
    inventory = Inventory(
        hosts=tuple(_host(name, table) for name, table in hosts.items()),
        names=site.get("names", _names, ()),
        certificate=site.get("certificate", _text, None),
        maxmemory=site.get("redis_maxmemory", _memory, "2gb"),
        variables=dict(_variables(site.get("settings", _table, {}))),
    )
    _check(inventory)
    return inventory


class _Table:
    """A table of the file, whose keys are known."""

    def __init__(self, place: str, table: Mapping[str, Any], known: Collection[str]) -> None:
        self._prefix = f"{place}." if place else ""
        self._table = table
        for key in table:
            if key not in known:
                raise SettingsError(f"{self._prefix}{key}: no such key{_suggestion(key, known)}")

    def get(self, key: str, read: Callable[[Any], T], default: T) -> T:
        """Return what `read` makes of a value; `default` where there is none."""
        if key not in self._table:
            return default
        try:
            return read(self._table[key])
        except ValueError as error:
            raise SettingsError(f"{self._prefix}{key}: {error}") from None


def _suggestion(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def _host(name: str, given: Any) -> Host:
    place = f"hosts.{name}"
    if not _HOST.fullmatch(name) or name == SECRETS:
        raise SettingsError(f"{place}: {name!a} cannot be the name of a host")
    if not isinstance(given, dict):
        raise SettingsError(f"{place}: {given!r} is not a table")
    table = _Table(place, given, ("address", "redis", "proxy", "prometheus", *ROLES))
    if "address" not in given:
        raise SettingsError(f"{place}.address: it is missing")
    counts = {role: table.get(role, _count, 0) for role in ROLES}
    return Host(
        name=name,
        address=table.get("address", _address, ""),
        redis=table.get("redis", _switch, False),
        proxy=table.get("proxy", _switch, False),
        prometheus=table.get("prometheus", _switch, False),
        counts={role: count for role, count in counts.items() if count},
    )


def _variables(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    known = merge(settings_classes().values())
    for name, value in table.items():
        place = f"settings.{name}"
        if name not in known:
            raise SettingsError(f"{place}: no such setting{_suggestion(name, known)}")
        if name in _OURS:
            raise SettingsError(f"{place}: it follows from the hosts")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if not text.isprintable() or "'" in text:
            raise SettingsError(f"{place}: {text!r} has a character that no variable can have here")
        known[name].parse(text, place)
        yield known[name].variable, text


def _check(site: Inventory) -> None:
    """Raise SettingsError for a site that could carry no call."""
    places: dict[str, str] = {}
    for host in site.hosts:
        other = places.setdefault(host.address, host.name)
        if other != host.name:
            raise SettingsError(f"hosts.{host.name}.address: {host.address} is that of {other}")
    servers = [host.name for host in site.hosts if host.redis]
    if len(servers) > 1:
        raise SettingsError(f"hosts.{servers[1]}.redis: {servers[0]} has it, and only one can")
    missing = [] if servers else ["redis = true"]
    missing += [] if site.proxies else ["proxy = true"]
    missing += [
        f"{names[0]} = 1"
        for names in (("gateway",), ("vad", "vad-gpu"), ("asr", "asr-vllm"))
        if not any(host.counts.get(name) for host in site.hosts for name in names)
    ]
    if missing:
        raise SettingsError(f"hosts: none has {missing[0]}, and without it there are no calls")


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not a table")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a text")
    return value


def _names(value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a host name in small letters")
    return tuple(names)


def _memory(value: Any) -> str:
    if not isinstance(value, str) or not _MEMORY.fullmatch(value):
        raise ValueError(f'{value!r} is not a size such as "512mb" or "2gb"')
    return value


def _address(value: Any) -> str:
    try:
        address = IPv4Address(_text(value))
    except AddressValueError:
        raise ValueError(f"{value!r} is not an IPv4 address") from None
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        raise ValueError(f"other hosts do not reach {address}")
    return str(address)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST:
        raise ValueError(f"{value!r} is not a whole number from 0 to {MOST}")
    return value
