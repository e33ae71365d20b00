"""What cannot work, as sentences that name the value, before anything reaches a cluster."""

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from common.errors import SettingsError
from common.redis.address import Address
from common.settings import PREFIX, check_variables, definitions, load, settings_classes
from deploy.kubernetes import monitoring, rule, secrets, webhooks
from deploy.kubernetes.processes import (
    ADMIN_PORT,
    HTTP_PORT,
    OWNED,
    collector_port,
    default_of,
    environment,
    model,
    on_gpu,
    plain_tcp,
    set_or_default,
    telephone_ports,
)
from deploy.kubernetes.scaling import per_pod
from deploy.kubernetes.values import Access, Asr, Filter, Gateway, Ingress, Redis, Service, Values
from gateway.admission.forwarded import TrustedProxies

BUNDLED_CALLS = 700
"""What one Redis carries with frames of 32 ms: docs/scaling.md."""
_CAPACITY = {"gateway": "max_sessions", "vad": "vad_slots", "denoise": "denoise_slots"}
"""The setting that bounds what a pod accepts."""
_FILES = {"webhook_url", "webhook_hosts", "dfn_model", "otlp_endpoint"}
"""Settings that need files or packages of the container, besides the files of Secrets."""
_OF_NGINX = "nginx.ingress.kubernetes.io/"
_ANNOTATIONS = ("backend-protocol", "proxy-next-upstream", "enable-access-log")
_CUDA_GIB = 3
"""What a filter on a GPU needs of main memory at least: CUDA and PyTorch themselves."""
_OF_TOKENS = ("jwt_issuer", "jwt_audience", "jwt_tenant")


def problems(values: Values) -> list[str]:
    """Return what is wrong, empty where the values can be rendered."""
    return [
        *_redis(values),
        *_secrets(values),
        *_webhooks(values.gateway),
        *_ways_in(values),
        *_collector(values),
        *_models(values),
        *_scaling(values),
        *_monitoring(values),
        *(each for name, service in values.services().items() for each in _service(name, service)),
    ]


def _redis(values: Values) -> Iterator[str]:
    redis = values.redis
    if redis.user_secrets:
        yield from _users(redis)
    elif not redis.secret:
        yield "redis.secret: name the Secret that holds the URL of Redis under the key url"
    elif redis.url:
        yield "redis.url: the Secret redis.secret holds it; leave one of them out"
    for name in ("tls_secret", "client_secret"):
        if redis.bundled and getattr(redis, name):
            yield f"redis.{name}: the bundled Redis does not speak TLS"
    if redis.bundled and redis.networks:
        yield "redis.networks: they say where another Redis is, and redis.bundled brings one"
    if not redis.bundled and not redis.networks:
        yield "redis.networks: name the networks of your Redis, or set redis.bundled"
    yield from _networks("redis.networks", redis.networks)
    most = _most(values, values.gateway) * values.gateway.per_pod
    if redis.bundled and most > BUNDLED_CALLS:
        yield (
            f"redis.bundled: one Redis carries about {BUNDLED_CALLS} calls and the gateways"
            f" {most}; name a Cluster, or lower gateway.max_replicas"
        )


def _users(redis: Redis) -> Iterator[str]:
    if redis.secret:
        yield "redis.user_secrets: not together with redis.secret, whose URL has one user for all"
    if redis.bundled:
        if redis.url:
            yield "redis.url: redis.bundled brings its own"
        return
    if not redis.url:
        yield "redis.url: name where Redis is; services log in with redis.user_secrets"
        return
    # The others would read files that are in the pods alone.
    if parse_qs(urlsplit(redis.url).query).keys() - {"sentinel_username"}:
        yield "redis.url: of its options only sentinel_username; the manifests add the others"
        return
    try:
        address = Address.parse(redis.url)
    except SettingsError as error:
        yield f"redis.url: {str(error).removeprefix('--redis-url: ')}"
        return
    if address.username or address.password:
        yield "redis.url: leave out user and password; each service has its own"
    for name in ("tls_secret", "client_secret"):
        if getattr(redis, name) and address.tls is None:
            yield f"redis.{name}: redis.url is not of TLS: rediss://"


def _secrets(values: Values) -> Iterator[str]:
    gateway = values.gateway
    for name in ("keys_secret", "jwt_secret"):
        if getattr(gateway, name) and gateway.settings.get("no_auth"):
            yield f"gateway.{name}: not together with gateway.settings.no_auth"
    if not gateway.jwt_secret:
        for name in _OF_TOKENS:
            if name in gateway.settings:
                yield f"gateway.settings.{name}: without gateway.jwt_secret no token counts"


def _webhooks(gateway: Gateway) -> Iterator[str]:
    wanted = webhooks.active(gateway)
    if wanted and not gateway.webhook_secret:
        yield "gateway.webhook_secret: name the Secret that holds the signing keys under secrets"
    if gateway.webhook_secret and not wanted:
        yield "gateway.webhook_secret: it signs nothing; name gateway.settings.webhook_url"
    try:
        webhooks.ports(gateway)
    except ValueError as error:
        yield f"gateway.settings.webhook_url: {error}"


def _ways_in(values: Values) -> Iterator[str]:
    way, access, gateway = values.ingress, values.access, values.gateway
    if way is None and access is None:
        yield "ingress: nobody could reach the gateways; give this section, or access.networks"
    if way is not None:
        for name in ("host", "class_name", "controller_namespace"):
            if not getattr(way, name):
                yield f"ingress.{name}: it is needed"
        if not way.tls_secret:
            yield "ingress.tls_secret: name the Secret that holds the certificate of ingress.host"
        if "trusted_proxies" not in gateway.settings:
            yield (
                "gateway.settings.trusted_proxies: name the network of the ingress controller's"
                " pods, or every client has its address and shares its limits"
            )
        if way.class_name == "nginx":
            yield from _ingress_of_nginx(way, tls=bool(gateway.tls_secret))
    if access is not None:
        if not access.networks:
            yield "access.networks: name the networks that may reach the gateways"
        yield from _networks("access.networks", access.networks)
        yield from _believed(gateway, access)
    elif telephone_ports(gateway):
        ports = ", ".join(telephone_ports(gateway))
        yield f"access.networks: an ingress does not pass on {ports}; name who may reach them"
    free = gateway.settings.get("no_auth") or gateway.settings.get("port_tenant")
    if plain_tcp(gateway) and not free:
        yield (
            "gateway.settings.port_tenant: clients of plain TCP show no key; name the tenant"
            " that their calls belong to"
        )
    taken = {HTTP_PORT, ADMIN_PORT}
    for name, port in telephone_ports(gateway).items():
        if port in taken:
            setting = f"{name.replace('-', '_')}_port"
            yield f"gateway.settings.{setting}: {port} is taken by another port of a gateway"
        taken.add(port)


def _believed(gateway: Gateway, access: Access) -> Iterator[str]:
    try:
        proxies = TrustedProxies.parse(str(gateway.settings.get("trusted_proxies", ""))).networks
        callers = TrustedProxies.parse(",".join(access.networks)).networks
    except ValueError:
        return  # said where each is checked by itself
    for each in callers:
        if any(one.version == each.version and one.overlaps(each) for one in proxies):
            yield (
                f"gateway.settings.trusted_proxies: they overlap access.networks ({each}), whose"
                " callers could then name any address as theirs"
            )


def _ingress_of_nginx(way: Ingress, *, tls: bool) -> Iterator[str]:
    """`tls`: the gateways themselves speak it."""
    said = {name: way.annotations.get(_OF_NGINX + name, "") for name in _ANNOTATIONS}
    if tls and said["backend-protocol"] != "HTTPS":
        needed = f'"{_OF_NGINX}backend-protocol" = "HTTPS"'
        yield f"ingress.annotations: gateway.tls_secret needs {needed}"
    if "http_503" not in said["proxy-next-upstream"].split():
        yield (
            f'ingress.annotations: "{_OF_NGINX}proxy-next-upstream" = "error timeout http_503" is'
            " needed, or a full gateway refuses calls for which others have room"
        )
    if said["enable-access-log"] != "false":
        yield (
            f'ingress.annotations: "{_OF_NGINX}enable-access-log" = "false" is needed, or the log'
            " of the controller has the keys that clients put into URLs"
        )


def _collector(values: Values) -> Iterator[str]:
    there = values.collector
    if "otlp_endpoint" not in values.gateway.settings:
        if there is not None:
            yield "gateway.settings.otlp_endpoint: name the URL of the collector that you describe"
        return
    try:
        collector_port(values.gateway)
    except ValueError as error:
        yield f"gateway.settings.otlp_endpoint: {error}"
    if there is None:
        yield "collector: no policy would let spans reach gateway.settings.otlp_endpoint; give this"
    elif bool(there.namespace) == bool(there.networks):
        yield "collector.namespace: name either the namespace of its pods or collector.networks"
    else:
        yield from _networks("collector.networks", there.networks)


def _networks(path: str, networks: tuple[str, ...]) -> Iterator[str]:
    for each in networks:
        try:
            ipaddress.ip_network(each)
        except ValueError as error:
            yield f"{path}: {error}"


def _models(values: Values) -> Iterator[str]:
    if values.asr.engine == "vllm" and not values.asr.model:
        yield "asr.model: the engine vllm needs one, for example Qwen/Qwen3-ASR-1.7B"
    needed = [name for name, each in values.services().items() if model(each)]
    if needed and values.models is None:
        yield f"models: {needed[0]}.model lies in a volume, and this section describes it"
    if values.models is not None and not needed:
        yield "models: nothing would lie in this volume; name asr.model, or leave it out"


def _scaling(values: Values) -> Iterator[str]:
    scaling = values.autoscaling
    for name, service in values.services().items():
        if service.replicas < 1:
            yield f"{name}.replicas: at least 1, or leave out the section of a stage not needed"
        if scaling is None and service.max_replicas:
            yield f"{name}.max_replicas: it is for autoscaling; give this section or leave it out"
        if scaling is not None and service.max_replicas < service.replicas:
            yield (
                f"{name}.max_replicas: {service.max_replicas} is less than"
                f" {name}.replicas ({service.replicas})"
            )
        yield from _per_pod(values, name, service)
        if scaling is not None and name in _CAPACITY:
            capacity = set_or_default(service, name, _CAPACITY[name])
            if service.per_pod > rule.most_per_pod(capacity):
                yield (
                    f"{name}.per_pod: {service.per_pod} is too many: the HPA ignores 10 %, and"
                    f" {_CAPACITY[name]} is {capacity}; at most {rule.most_per_pod(capacity)}"
                )
    if scaling is None:
        return
    if not scaling.prometheus.startswith(("http://", "https://")):
        yield "autoscaling.prometheus: name the URL of Prometheus, which KEDA asks"
    if scaling.calls_per_min <= 0:
        yield "autoscaling.calls_per_min: how many calls more a minute must be taken; above 0"
    if scaling.call_s <= 0:
        yield "autoscaling.call_s: how long calls last on average, in s; above 0"
    if scaling.legs_per_call not in (1, 2):
        yield f"autoscaling.legs_per_call: {scaling.legs_per_call} is neither 1 nor 2"
    if values.monitoring is None:
        yield "monitoring: KEDA scales by what Prometheus scrapes; give this section"


def _monitoring(values: Values) -> Iterator[str]:
    watch = values.monitoring
    if watch is not None and watch.rules and watch.interval_s > monitoring.SLOWEST_S:
        yield (
            f"monitoring.interval_s: {watch.interval_s} s is too long for monitoring.rules;"
            f" at most {monitoring.SLOWEST_S}"
        )


def _per_pod(values: Values, name: str, service: Service) -> Iterator[str]:
    proved = "asr_legs" in service.settings
    if proved and service.per_pod:
        yield f"{name}.per_pod: leave it out; it follows from {name}.settings.asr_legs"
    elif service.per_pod < 0 or (service.per_pod == 0 and not isinstance(service, Asr)):
        yield f"{name}.per_pod: at least 1"
    elif (
        (scaling := values.autoscaling)
        and scaling.legs_per_call in (1, 2)
        and not per_pod(scaling, service)
    ):
        yield f"{name}.settings.asr_legs: too few for a pod to scale by"


def _service(name: str, service: Service) -> Iterator[str]:
    for value, text, pattern in (
        ("cpu", service.cpu, r"[0-9]+(\.[0-9]+)?|[0-9]+m"),
        ("memory", service.memory, r"[0-9]+[KMGT]i?"),
    ):
        if not re.fullmatch(pattern, text):
            yield f"{name}.{value}: {text!r} is not a quantity such as 2, 500m or 4Gi"
            return
    if isinstance(service, Filter) and on_gpu(service):
        yield from _filter_on_gpu(name, service)
    cls = settings_classes()[name]
    own = {each for each in service.settings if each in OWNED}
    for each in sorted(own):
        yield f"{name}.settings.{each}: the manifests set it"
    env = environment(service, name)
    try:
        check_variables([cls], env)
        known = {each.variable: each for each in definitions(cls).values()}
        for variable, text in env.items():
            if variable in known:
                known[variable].parse(text, variable)
            elif variable.startswith(PREFIX):
                raise SettingsError(f"{variable}: {name} has no such setting")
        # Settings that depend on each other, but for those that need files.
        files = {each for one in secrets.of_service(service) for each in one.settings}
        skipped = {PREFIX + each.upper() for each in _FILES | files}
        load(cls, [], {key: each for key, each in env.items() if key not in skipped})
    except SettingsError as error:
        yield f"{name}: {error}"
    if service.drain_s != int(service.drain_s):
        yield f"{name}.drain_s: {service.drain_s:g} is not a whole number of seconds"


def _filter_on_gpu(name: str, service: Filter) -> Iterator[str]:
    """The defaults are those of a core."""
    if _gib(service.memory) < _CUDA_GIB:
        yield f"{name}.memory: {service.memory} is too little for CUDA; at least {_CUDA_GIB}Gi"
    slots = f"{name}_slots"
    if slots not in service.settings:
        yield (
            f"{name}.settings.{slots}: name it; {default_of(name, slots)} are for a core, and"
            " docs/gpu.md says what a process with a GPU carries"
        )
    elif service.per_pod == type(service).per_pod:
        yield f"{name}.per_pod: name it; {service.per_pod} are for a core, {slots} are more"


def _gib(quantity: str) -> float:
    """Return a quantity of memory in Gi."""
    digits = quantity.rstrip("KMGTi")
    unit = quantity.removeprefix(digits)
    base = 1024.0 if unit.endswith("i") else 1000.0
    return int(digits) * base ** ("KMGT".index(unit[0]) + 1) / 2**30


def _most(values: Values, service: Service) -> int:
    return service.max_replicas if values.autoscaling else service.replicas
