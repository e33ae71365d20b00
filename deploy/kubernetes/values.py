"""What a site chooses: typed values, read from TOML. Whether they fit each other: `check`."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from callscribe import __version__

T = TypeVar("T")


class Rejected(Exception):
    """A file of values cannot be used; the message names the value and what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """Where the images are: ``<registry>/callscribe-<extra>:<tag>``."""

    registry: str = ""
    tag: str = __version__
    pull_secret: str = ""


@dataclass(frozen=True, kw_only=True)
class Redis:
    """Redis, with one user for all services, or with one for each.

    One: `secret` names a Secret with the URL under ``url``, and for the bundled server the password
    under ``password``. One for each: the Secret ``<user_secrets>-<service>`` holds the password of
    a service under its name, ``<user_secrets>-server`` what the bundled server needs, and `url` has
    neither user nor password.

    `bundled`: one server with an append-only file comes along. Otherwise `networks` say where Redis
    is. `tls_secret` holds ``ca.crt``, and `client_secret` what a Redis asks for that wants
    certificates of its clients: ``tls.crt`` and ``tls.key``. `memory_mb` is its ``maxmemory``.
    """

    secret: str = ""
    user_secrets: str = ""
    url: str = ""
    bundled: bool = False
    networks: tuple[str, ...] = ()
    ports: tuple[int, ...] = (6379,)
    tls_secret: str = ""
    client_secret: str = ""
    memory_mb: int = 2048
    storage: str = "10Gi"
    storage_class: str = ""


@dataclass(frozen=True, kw_only=True)
class Ingress:
    """The way in for WebSockets and HTTP, with the controller's own namespace and annotations."""

    host: str = ""
    class_name: str = ""
    tls_secret: str = ""
    controller_namespace: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Access:
    """Networks that reach the gateways' own ports, telephone systems above all."""

    networks: tuple[str, ...] = ()
    service_type: Literal["ClusterIP", "LoadBalancer"] = "ClusterIP"


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """The Prometheus operator: who scrapes, and how often in s.

    `labels` are those by which it chooses what it reads. `rules`: our alerts and recording rules,
    too. `dashboards`: ours, for Grafana's sidecar.
    """

    namespace: str = "monitoring"
    interval_s: int = 15
    labels: Mapping[str, str] = field(default_factory=dict)
    rules: bool = False
    dashboards: bool = False


@dataclass(frozen=True, kw_only=True)
class Collector:
    """Where the pods of `gateway.settings.otlp_endpoint` are: a namespace, or networks outside."""

    namespace: str = ""
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Autoscaling:
    """KEDA. `calls_per_min`: how many calls more a minute the site must take without a refusal.

    `call_s` is how long calls last on average: short ones come and go more.
    """

    prometheus: str = ""
    calls_per_min: float = 0.0
    call_s: float = 180.0
    legs_per_call: int = 2


@dataclass(frozen=True, kw_only=True)
class Models:
    """The volume of weights; `download` fills it from the model hub, once."""

    storage: str = "20Gi"
    storage_class: str = ""
    access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = "ReadWriteMany"
    download: bool = True


@dataclass(frozen=True, kw_only=True)
class Service:
    """One kind of process.

    `replicas` is their number, with autoscaling the smallest. `per_pod` is what one pod is meant to
    carry, in the unit of its stage. `start_s` is the time from the decision to one more pod until
    it carries calls. `settings` are those of the service, by their names.
    """

    replicas: int = 1
    max_replicas: int = 0
    per_pod: int = 1
    start_s: float = 20.0
    drain_s: float = 30.0
    cpu: str = "1"
    memory: str = "1Gi"
    node_selector: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Gateway(Service):
    """Gateways; `per_pod` in calls.

    What the Secrets hold: `webhook_secret` ``secrets``, the signing keys; `keys_secret`
    ``keys.json``; `jwt_secret` what checks tokens, under the name that `jwt_key` says;
    `twilio_secret` ``auth_token``; `tls_secret` ``tls.crt`` and ``tls.key``, with which the
    gateways speak TLS themselves.
    """

    replicas: int = 2
    per_pod: int = 450
    drain_s: float = 3600.0
    webhook_secret: str = ""
    keys_secret: str = ""
    jwt_secret: str = ""
    jwt_key: Literal["secret", "public_key", "jwks"] = "jwks"
    twilio_secret: str = ""
    tls_secret: str = ""


@dataclass(frozen=True, kw_only=True)
class Filter(Service):
    """What runs on a GPU if `device` says so; then each pod holds one, or a share of one."""

    device: Literal["cpu", "cuda"] = "cpu"


@dataclass(frozen=True, kw_only=True)
class Vad(Filter):
    """VAD workers; `per_pod` in legs."""

    per_pod: int = 230


@dataclass(frozen=True, kw_only=True)
class Denoise(Filter):
    """Denoise workers; `per_pod` in legs."""

    per_pod: int = 29


@dataclass(frozen=True, kw_only=True)
class Asr(Service):
    """Recognisers; `model` is a name at the model hub.

    `per_pod` is in calls. 0: it follows from the setting `asr_legs`, which `callscribe prove`
    finds; without that it is 14.
    """

    engine: Literal["whisper", "vllm"] = "whisper"
    model: str = ""
    per_pod: int = 0
    cpu: str = "2"
    memory: str = "2Gi"


@dataclass(frozen=True, kw_only=True)
class Align(Service):
    """Aligners; `per_pod` in calls."""

    model: str = "Qwen/Qwen3-ForcedAligner-0.6B"
    per_pod: int = 120
    start_s: float = 240.0
    cpu: str = "2"
    memory: str = "8Gi"


@dataclass(frozen=True, kw_only=True)
class Values:
    """A site. A section that is missing from the file leaves its objects out."""

    namespace: str = "callscribe"
    images: Images = field(default_factory=Images)
    redis: Redis = field(default_factory=Redis)
    gateway: Gateway = field(default_factory=Gateway)
    vad: Vad = field(default_factory=Vad)
    asr: Asr = field(default_factory=Asr)
    denoise: Denoise | None = None
    align: Align | None = None
    ingress: Ingress | None = None
    access: Access | None = None
    monitoring: Monitoring | None = None
    collector: Collector | None = None
    autoscaling: Autoscaling | None = None
    models: Models | None = None

    def services(self) -> dict[str, Service]:
        """Return the kinds of processes of this site by name, in the order of the flow."""
        named: dict[str, Service | None] = {
            "gateway": self.gateway,
            "vad": self.vad,
            "denoise": self.denoise,
            "asr": self.asr,
            "align": self.align,
        }
        return {name: each for name, each in named.items() if each is not None}


def read(table: Mapping[str, Any]) -> Values:
    """Return the values of a parsed file. Raises Rejected for unknown names and wrong types."""
    return _build(Values, table, "")


def _build(cls: type[T], table: Any, path: str) -> T:
    if not isinstance(table, Mapping):
        raise Rejected(f"{path}: {table!r} is not a section")
    hints = typing.get_type_hints(cls)
    prefix = f"{path}." if path else ""
    for name in table:
        if name not in hints:
            raise Rejected(f"{prefix}{name}: there is no such value; known: {', '.join(hints)}")
    return cls(**{name: _value(hints[name], each, prefix + name) for name, each in table.items()})


def _value(hint: Any, given: Any, path: str) -> Any:
    """Convert what TOML holds to the type of a field."""
    if typing.get_origin(hint) is types.UnionType and types.NoneType in typing.get_args(hint):
        (hint,) = (each for each in typing.get_args(hint) if each is not types.NoneType)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _build(hint, given, path)
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        if given not in choices:
            raise Rejected(f"{path}: {given!r} is none of {', '.join(choices)}")
        return given
    if typing.get_origin(hint) is tuple:
        each, _ = typing.get_args(hint)
        if not isinstance(given, list):
            raise Rejected(f"{path}: {given!r} is not a list")
        return tuple(_value(each, one, path) for one in given)
    if typing.get_origin(hint) is Mapping:
        _, each = typing.get_args(hint)
        if not isinstance(given, Mapping):
            raise Rejected(f"{path}: {given!r} is not a section")
        return {name: _value(each, one, f"{path}.{name}") for name, one in given.items()}
    kinds = typing.get_args(hint) or (hint,)
    if float in kinds and type(given) is int and int not in kinds:
        return float(given)
    # A bool is an int to isinstance.
    if type(given) not in kinds:
        named = " or ".join(kind.__name__ for kind in kinds)
        raise Rejected(f"{path}: {given!r} is not of type {named}")
    return given
