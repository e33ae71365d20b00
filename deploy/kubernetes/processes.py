"""What this repository knows of each kind of process: image, command, port, environment."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from common.settings import PREFIX, definitions, settings_classes
from deploy.kubernetes import secrets
from deploy.kubernetes.values import Align, Asr, Filter, Gateway, Service, Values
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Transport

HTTP_PORT = 8000
ADMIN_PORT = 9101
METRICS_PORT = 9100
MODELS = "/models"

OWNED = {
    *("host", "port", "metrics_host", "metrics_port", "redis_url", "log_format", "drain_s"),
    *("asr_engine", "asr_device", "asr_model", "align_model", "align_device"),
    # An image has the libraries of one engine, that of its device.
    *("vad_device", "vad_engine", "denoise_device", "denoise_engine"),
    *("ssl_certfile", "ssl_keyfile", "generate_self_signed_cert", "self_signed_cert_dir"),
    *("admin_host", "admin_port", "webhook_secret_file", "keys_file", "twilio_auth_token_file"),
    *("jwt_secret_file", "jwt_public_key_file", "jwt_jwks_file"),
}
"""Settings that follow from other values, so that `settings` may not name them."""


def extra(service: Service, name: str) -> str:
    """Return the extra of the image that runs a service."""
    if isinstance(service, Asr):
        return "asr-vllm" if service.engine == "vllm" else "asr-cpu"
    if isinstance(service, Filter) and on_gpu(service):
        return "gpu"
    return "asr-vllm" if isinstance(service, Align) else name


def image(values: Values, service: Service, name: str) -> str:
    """Return the whole name of a service's image."""
    registry = f"{values.images.registry.rstrip('/')}/" if values.images.registry else ""
    return f"{registry}callscribe-{extra(service, name)}:{values.images.tag}"


def on_gpu(service: Service) -> bool:
    """Whether each pod of a service holds one GPU, or what the cluster counts as one."""
    if isinstance(service, Filter):
        return service.device == "cuda"
    return isinstance(service, Align) or (isinstance(service, Asr) and service.engine == "vllm")


def cores(service: Service) -> int:
    """Return the whole cores that a pod asks for, at least one."""
    cpu = service.cpu
    millis = int(cpu[:-1]) if cpu.endswith("m") else int(float(cpu) * 1000)
    return max(1, millis // 1000)


def model(service: Service) -> str:
    """Return the model's name at the hub; empty where the image brings it."""
    return service.model if isinstance(service, Asr | Align) else ""


def model_path(name: str) -> str:
    """Return where a model lies in the volume."""
    return f"{MODELS}/{PurePosixPath(name).name}"


def environment(service: Service, name: str) -> dict[str, str]:
    """Return the variables of a container, but for the URL of Redis."""
    own: dict[str, str | int | float | bool] = {"log_format": "json", "drain_s": service.drain_s}
    if isinstance(service, Gateway):
        # Prometheus shows no key, which the metrics would need at the public port.
        own |= {"port": HTTP_PORT, "admin_port": ADMIN_PORT}
    else:
        own["metrics_port"] = METRICS_PORT
    if isinstance(service, Asr):
        own |= {"asr_engine": service.engine, "asr_device": "cuda" if on_gpu(service) else "cpu"}
        if not on_gpu(service):
            # It would count the cores of the node, since no limit of CPU hides them.
            own["asr_concurrency"] = cores(service)
    if isinstance(service, Align):
        own["align_device"] = "cuda"
    if isinstance(service, Filter):
        own[f"{name}_device"] = service.device
    if model(service):
        own[f"{name}_model"] = model_path(model(service))
    for each in secrets.of_service(service):
        own |= each.settings
    variables = {
        PREFIX + each.upper(): _text(value) for each, value in {**own, **service.settings}.items()
    }
    # Number libraries would otherwise take every core, in every container.
    libraries = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return variables | libraries | ({"HF_HUB_OFFLINE": "1"} if model(service) else {})


def telephone_ports(service: Service) -> dict[str, int]:
    """Return the ports of protocols that have one of their own and are switched on, by name."""
    found = {}
    for protocol in PROTOCOLS:
        value = service.settings.get(protocol.port) if protocol.port else None
        if isinstance(value, int) and value:
            found[protocol.port.removesuffix("_port").replace("_", "-")] = value
    return found


def plain_tcp(service: Service) -> bool:
    """Whether a protocol is switched on that no ingress passes on."""
    return any(
        protocol.transport is Transport.TCP and service.settings.get(protocol.port)
        for protocol in PROTOCOLS
        if protocol.port
    )


def collector_port(service: Service) -> int:
    """Return the port that spans are sent to. ValueError: the endpoint is not a URL of HTTP."""
    url = urlsplit(str(service.settings["otlp_endpoint"]))
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(f"{url.geturl()!r} is not a URL with http or https")
    return url.port or (443 if url.scheme == "https" else 80)


def default_of(name: str, setting: str) -> Any:
    """Return the default of a service's setting."""
    return definitions(settings_classes()[name])[setting].default


def set_or_default(service: Service, name: str, setting: str) -> Any:
    """Return what a setting of a service will be."""
    return service.settings.get(setting, default_of(name, setting))


def _text(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def labels(name: str) -> dict[str, str]:
    """Return the labels of everything that belongs to one kind of process."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "callscribe"}


def metadata(values: Values, name: str, **more: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata of an object."""
    return {
        "name": name,
        "namespace": values.namespace,
        "labels": {"app.kubernetes.io/part-of": "callscribe"},
        **more,
    }
