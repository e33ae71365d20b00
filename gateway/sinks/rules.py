"""Which sinks get every call, as the setting says."""

import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from gateway.calls.store import RECORDINGS, WEBHOOK
from gateway.sinks.bucket_address import BucketAddress
from gateway.sinks.every_call import Terms
from gateway.sinks.files import CallFiles
from gateway.sinks.filters import Filter
from gateway.sinks.folder import Folder
from gateway.sinks.query import allow, taken
from gateway.sinks.sink import Sink
from gateway.sinks.storage import Storage
from gateway.sinks.tally import Tally
from gateway.sinks.tidying import days_of

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_FORM = (
    "NAME=file:/folder, NAME=s3://bucket/prefix, NAME=postgresql://host/database,"
    " NAME=amqp://host/vhost or NAME=kafka://host:port/topic, with commas between"
)
_AMQP_OPTIONS = ("heartbeat", "cafile", "certfile", "keyfile")
_KAFKA_OPTIONS = (
    "client.id",
    "sasl.mechanism",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
)
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_EXCHANGE = "callscribe"

Make = Callable[[Terms], Sink]


@dataclass(frozen=True, slots=True)
class Planned:
    """A sink that is to be built."""

    name: str
    which: Filter
    make: Make

    def build(self, tally: Tally, keep: float) -> Sink:
        """Return the sink; what comes of its attempts, for `keep` seconds each, is counted."""
        return self.make(Terms(self.name, self.which, tally, keep))


def planned(sinks: str) -> list[Planned]:
    """Read the setting; ValueError names what is wrong with which sink."""
    found = [_planned(name, url) for name, url in _named(sinks)] if sinks else []
    names = [each.name for each in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"--sinks: {twice[0]} is there twice")
    return found


def _named(sinks: str) -> Iterator[tuple[str, str]]:
    for each in sinks.split(","):
        name, given, url = each.strip().partition("=")
        # A URL may hold a password, so that none is repeated.
        if not given or _NAME.fullmatch(name) is None:
            raise ValueError(f"--sinks: a sink has no name, or a wrong one; expected {_FORM}")
        if name == WEBHOOK:
            raise ValueError(f"--sinks: {name} is the name of calls' own webhooks")
        if name == RECORDINGS:
            raise ValueError(f"--sinks: {name} is the name of what --recordings keeps")
        yield name, url


def _planned(name: str, url: str) -> Planned:
    address, _, query = url.partition("?")
    try:
        kind = _KINDS.get(urlsplit(address).scheme)
    except ValueError:
        raise ValueError(f"--sinks: {name} has no URL; expected {_FORM}") from None
    if kind is None:
        raise ValueError(f"--sinks: {name} is of no known kind; expected {_FORM}")
    try:
        which, rest = _filter(query)
        return Planned(name, which, kind(address, rest))
    except ValueError as error:
        raise ValueError(f"--sinks: {name}: {error}") from None


def _filter(query: str) -> tuple[Filter, str]:
    """Return what a query says of messages, and the rest as it stands."""
    (events, channels), rest = taken(query, "event", "channel")
    return Filter.parse(events, channels), rest


def storage_of(address: str, query: str) -> Callable[[], Storage] | None:
    """Return what makes the folder or the bucket of a URL; None if that is neither.

    Raises ValueError.
    """
    scheme = urlsplit(address).scheme
    if scheme == "file":
        return _folder(address, query)
    return _bucket(address, query) if scheme == "s3" else None


def _folder(address: str, query: str) -> Callable[[], Storage]:
    parts = urlsplit(address)
    folder = Path(unquote(parts.path))
    if parts.netloc or not folder.is_absolute():
        raise ValueError("file: needs a folder from the root on")
    if query:
        raise ValueError("file: has no options but event, channel and days")
    return partial(Folder, folder)


def _bucket(address: str, query: str) -> Callable[[], Storage]:
    _need("obstore", "S3", "s3")
    place = BucketAddress.parse(_joined(address, query))

    def make() -> Storage:
        from gateway.sinks.bucket import Bucket  # obstore is an extra

        return Bucket(place)

    return make


def _files(address: str, query: str) -> Make:
    (given,), query = taken(query, "days")
    days = days_of(given[-1]) if given else None
    storage = storage_of(address, query)
    assert storage is not None
    return lambda terms: CallFiles(terms, storage(), days)


def _postgres(address: str, query: str) -> Make:
    _need("asyncpg", "PostgreSQL", "postgres")
    url = _joined(address, query)

    def make(terms: Terms) -> Sink:
        from gateway.sinks.postgres import Postgres  # asyncpg is an extra

        return Postgres(terms, url)

    return make


def _amqp(address: str, query: str) -> Make:
    _need("aio_pika", "AMQP", "amqp")
    if not _has_a_host(address):
        raise ValueError("AMQP needs a host, and a number as port")
    (exchanges,), query = taken(query, "exchange")
    exchange = exchanges[-1] if exchanges else _EXCHANGE
    if not exchange:
        raise ValueError("the exchange needs a name")
    allow(parse_qs(query, keep_blank_values=True), _AMQP_OPTIONS, "exchange")
    url = _joined(address, query)

    def make(terms: Terms) -> Sink:
        from gateway.sinks.amqp import Amqp  # aio-pika is an extra

        return Amqp(terms, url, exchange)

    return make


def _kafka(address: str, query: str) -> Make:
    _need("confluent_kafka", "Kafka", "kafka")
    parts = urlsplit(address)
    servers, topic = unquote(parts.netloc), unquote(parts.path).strip("/")
    if not servers or "@" in servers:
        raise ValueError("Kafka needs a host before the topic; a user is sasl.username")
    if _TOPIC.fullmatch(topic) is None:
        raise ValueError("Kafka needs a topic: kafka://host:port/topic")
    options = parse_qs(query, keep_blank_values=True)
    allow(options, _KAFKA_OPTIONS)
    settings = {name: values[-1] for name, values in options.items()}
    settings["bootstrap.servers"] = servers

    def make(terms: Terms) -> Sink:
        from gateway.sinks.kafka import Kafka  # confluent-kafka is an extra

        return Kafka(terms, settings, topic)

    return make


def _has_a_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _joined(address: str, query: str) -> str:
    return f"{address}?{query}" if query else address


def _need(module: str, what: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ValueError(f"{what} needs pip install 'callscribe[{extra}]'")


_KINDS: dict[str, Callable[[str, str], Make]] = {
    "file": _files,
    "s3": _files,
    "postgresql": _postgres,
    "postgres": _postgres,
    "amqp": _amqp,
    "amqps": _amqp,
    "kafka": _kafka,
}
