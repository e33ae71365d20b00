"""The chart's values: each one changes what is rendered, and what is made of them is current."""

import json
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from common.pipeline import access
from common.settings import PREFIX, definitions, load, settings_classes
from deploy.helm import tools
from deploy.helm.generate import BASE, CHART, MADE, SCHEMA, leaves, render
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Transport
from tests.unit.deploy.sites import (
    DEFAULTS,
    SITES,
    WHOLE,
    changed,
    container,
    of_kind,
    read,
    rendered,
)

HELD = json.loads(SCHEMA.read_text())
VALUES = dict(leaves(HELD))
DIGEST = "sha256:" + "0f" * 32
REFERENCE = {"parameter": "bearerToken", "name": "thanos", "key": "token"}
SERVICES = [*settings_classes()]


def _asking(modes: str) -> dict[str, Any]:
    prefix = "autoscaling.authentication"
    return {f"{prefix}.modes": modes, f"{prefix}.secretTargetRef": [{**REFERENCE, "key": "other"}]}


COLLECTOR = {"gateway.settings.otlp_endpoint": "http://collector:4318"}
NETWORKS = {"collector.networks": ["10.0.0.1"]}
BUCKET = {"sinks.networks": ["10.60.0.0/24"], "sinks.ports": [443]}
ON_GPU = {"vad.settings.vad_slots": 400, "vad.memory": "4Gi", "vad.perPod": 300}
ELSEWHERE = {"redis.networks": [], "redis.tlsSecret": "", "redis.url": ""}


class Other(NamedTuple):
    """Another value than a site's: what the site has besides, and what the value needs."""

    value: Any
    site: str = "gpu"
    both: Mapping[str, Any] = MappingProxyType({})
    also: Mapping[str, Any] = MappingProxyType({})


OTHERS: dict[str, Other] = {
    "images.registry": Other("other.example.com"),
    "images.tag": Other("7"),
    "images.pullPolicy": Other("Always"),
    "images.pullSecrets": Other(["registry"]),
    "podSecurityContext": Other({"runAsUser": 4000}),
    "dns.namespaces": Other(["dns"]),
    "dns.networks": Other(["10.96.0.10"]),
    "dns.ports": Other([5353]),
    "redis.secret": Other("other", "small"),
    "redis.userSecrets": Other("other"),
    "redis.url": Other("rediss://other"),
    "redis.networks": Other(["10.21.0.0/24"]),
    "redis.ports": Other([7000]),
    "redis.tlsSecret": Other("other"),
    "redis.clientSecret": Other("other"),
    "redis.bundled": Other(
        True, also={**ELSEWHERE, "gateway.maxReplicas": 3, "gateway.perPod": 99}
    ),
    "redis.image.repository": Other("registry.example.com/valkey", "small"),
    "redis.image.tag": Other("9.1", "small"),
    "redis.image.digest": Other(DIGEST, "small"),
    "redis.memoryMb": Other(4096, "small"),
    "redis.storage": Other("20Gi", "small"),
    "redis.storageClass": Other("fast", "small"),
    "redis.maxUnavailable": Other(1, "small"),
    "redis.priorityClassName": Other("high", "small"),
    "redis.nodeSelector": Other({"disk": "fast"}, "small"),
    "redis.podSecurityContext": Other({"runAsUser": 4000}, "small"),
    "gateway.keysSecret": Other("keys"),
    "gateway.jwtSecret": Other("jwt"),
    "gateway.jwtKey": Other("secret", both={"gateway.jwtSecret": "jwt"}),
    "gateway.twilioSecret": Other("twilio"),
    "gateway.webhookSecret": Other(
        "hooks", also={"gateway.settings.webhook_hosts": "h.example.com"}
    ),
    "gateway.tlsSecret": Other("tls", both={"ingress.className": "haproxy"}),
    "gateway.settings": Other({"log_level": "debug", "trusted_proxies": "10.0.0.0/8"}),
    "vad.device": Other(
        "cuda", both={"vad.settings.vad_slots": 400, "vad.memory": "4Gi", "vad.perPod": 300}
    ),
    "denoise.enabled": Other(False),
    "denoise.device": Other("cpu"),
    "denoise.settings": Other({"denoise_slots": 399}),
    "asr.engine": Other("vllm", "large", also={"asr.model": "Qwen/Qwen3-ASR-1.7B"}),
    "asr.model": Other("Qwen/Qwen3-ASR-0.6B"),
    "align.enabled": Other(False),
    "align.model": Other("other/aligner"),
    "models.storage": Other("40Gi"),
    "models.storageClass": Other("shared"),
    "models.accessMode": Other("ReadWriteOnce"),
    "models.download": Other(False),
    "ingress.enabled": Other(False, "large"),
    "ingress.host": Other("other.example.com"),
    "ingress.className": Other("haproxy"),
    "ingress.controllerNamespace": Other("other"),
    "ingress.tlsSecret": Other("other"),
    "ingress.annotations": Other({"a": "b"}, both={"ingress.className": "haproxy"}),
    "access.networks": Other(["192.168.0.0/16"], "large"),
    "access.serviceType": Other("ClusterIP", "large"),
    "access.annotations": Other({"a": "b"}),
    "monitoring.enabled": Other(True, "small"),
    "monitoring.namespace": Other("watch"),
    "monitoring.intervalS": Other(20),
    "monitoring.labels": Other({"release": "prometheus"}),
    "monitoring.rules": Other(True),
    "monitoring.dashboards": Other(True),
    "collector.namespace": Other("tracing", both=COLLECTOR | {"collector.namespace": "other"}),
    "collector.networks": Other(["10.40.0.0/24"], both=COLLECTOR | NETWORKS),
    "sinks.secret": Other("sinks", also=BUCKET),
    "sinks.awsSecret": Other("aws", also=BUCKET),
    "sinks.networks": Other(["10.61.0.0/24"], both=BUCKET | {"sinks.secret": "sinks"}),
    "sinks.ports": Other([9000], both=BUCKET | {"sinks.secret": "sinks"}),
    "autoscaling.enabled": Other(False, also={f"{name}.maxReplicas": 0 for name in SERVICES}),
    "autoscaling.prometheus": Other("https://other"),
    "autoscaling.authentication.modes": Other("bearer", both=_asking(modes="basic")),
    "autoscaling.authentication.secretTargetRef": Other([REFERENCE], both=_asking(modes="bearer")),
    "autoscaling.callsPerMin": Other(300),
    "autoscaling.callS": Other(60),
    "autoscaling.legsPerCall": Other(1),
    "autoscaling.lagS": Other(0.4),
    "gateway.perPod": Other(300),
}
OF_EACH: dict[str, Any] = {
    **{"replicas": 5, "maxReplicas": 50, "perPod": 9, "startS": 33, "startupS": 77, "drainS": 40},
    **{"cpu": "3", "memory": "32Gi", "home": "3Gi", "tmp": "3Gi", "priorityClassName": "high"},
    **{"nodeSelector": {"disk": "fast"}, "tolerations": [{"key": "a", "operator": "Exists"}]},
    **{"settings": {"log_level": "debug"}},
}
OTHERS = {
    f"{name}.{each}": Other(value) for name in SERVICES for each, value in OF_EACH.items()
} | OTHERS
for extra, site in (("asr-cpu", "large"), ("denoise", "large")):
    OTHERS[f"images.digests.{extra}"] = Other(DIGEST, site)
for extra in ("gateway", "vad", "gpu", "asr-vllm"):
    OTHERS[f"images.digests.{extra}"] = Other(DIGEST)


def test_every_value_has_a_default_and_another_one_here():
    assert OTHERS.keys() == VALUES.keys()
    given: set[str] = set()

    def walk(path: str, node: Any) -> None:
        if path in VALUES:
            given.add(path)
            return
        for key, each in node.items():
            walk(f"{path}.{key}" if path else key, each)

    walk("", DEFAULTS)
    assert given == VALUES.keys()


@cache
def text(values: str) -> str:
    """Return what values render; many tests begin with the same ones."""
    return render(sets=json.loads(values))


@pytest.mark.parametrize("name", VALUES)
def test_every_value_renders_and_changes_something(name):
    value, site, both, also = OTHERS[name]
    # Most of the text, and always the same.
    both = {"monitoring.rules": False, "monitoring.dashboards": False, **both}
    before = text(json.dumps(changed(site, both)))
    assert text(json.dumps(changed(site, {**both, **also, name: value}))) != before


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.name)
def test_what_is_made_is_current(path):
    assert MADE[path]() == path.read_text(), "python -m deploy.helm writes it anew"


@pytest.mark.parametrize("name", WHOLE)
def test_a_site_names_nothing_that_is_the_default(name):
    def repeated(path: str, given: Any, default: Any) -> list[str]:
        if isinstance(given, dict) and isinstance(default, dict) and default:
            found = [repeated(f"{path}.{key}", given[key], default.get(key)) for key in given]
            return [each for one in found for each in one]
        return [path] if given == default else []

    assert repeated("", changed(name, {}), DEFAULTS) == []


def product() -> Any:
    """Return what the chart knows of the services."""
    text = (CHART / "templates" / "_product.tpl").read_text()
    _, _, rest = text.partition('{{- define "callscribe.product" -}}\n')
    return YAML(typ="safe").load(rest.partition("{{- end }}")[0])


def test_what_the_chart_knows_of_the_services_is_so():
    known = product()
    own = {name: definitions(cls) for name, cls in settings_classes().items()}
    assert known["protocols"] == [
        {"setting": each.port, "tcp": each.transport is Transport.TCP}
        for each in PROTOCOLS
        if each.port
    ]
    for service, each in known["capacity"].items():
        assert own[service][each["setting"]].default == each["default"]
    assert {*known["owned"]} <= {name for each in own.values() for name in each}
    for name, default in known["defaults"].items():
        (found,) = {each[name].default for each in own.values() if name in each}
        assert found == default
    assert known["tenant"] == access._TENANT.pattern
    for service in ("vad", "denoise"):
        assert DEFAULTS[service]["perPod"] == known["perPod"][service]


def test_every_variable_of_every_pod_is_a_setting_with_the_ports_that_are_named():
    classes = settings_classes()
    for site in SITES:
        for name, each in of_kind(site, "Deployment").items():
            env = {one["name"]: one.get("value", "redis://x") for one in container(each)["env"]}
            known = {one.variable for one in definitions(classes[name]).values()}
            assert {one for one in env if one.startswith(PREFIX)} <= known
            settings: Any = load(classes[name], [], env)
            ports = {one["name"]: one["containerPort"] for one in container(each)["ports"]}
            if name == "gateway":
                assert (ports["http"], ports["admin"]) == (settings.port, settings.admin_port)
            else:
                assert ports == {"metrics": settings.metrics_port}


def test_a_number_stays_whole_and_a_switch_a_switch():
    """Helm reads every number of a file as a float, and prints 1e+06 for a million."""
    settings = {"max_upload_bytes": 4_000_000_000, "audio_burst_s": 0.5, "no_auth": True}
    gateway = rendered("small", {"gateway.settings": {**settings, "trusted_proxies": "10.0.0.0/8"}})
    env = {
        each["name"]: each.get("value")
        for each in container(gateway["Deployment", "gateway"])["env"]
    }
    shown = [env[f"CALLSCRIBE_{name.upper()}"] for name in settings]
    assert shown == ["4000000000", "0.5", "true"]


def test_the_base_is_the_chart_without_helms_labels_and_takes_patches(tmp_path):
    base = read(tools.run("kubectl", "kustomize", str(BASE)).stdout)
    assert not re.search(r"helm", str(base), re.IGNORECASE)
    assert base.keys() == read(render(BASE / "values.yaml")).keys()
    overlay = {
        "namespace": "night",
        "resources": [str(BASE)],
        "images": [{"name": "callscribe-vad", "newName": "registry.example.com/callscribe-vad"}],
        "replicas": [{"name": "callscribe-vad", "count": 7}],
    }
    (tmp_path / "kustomization.yaml").write_text(json.dumps(overlay))
    (tmp_path / "base").symlink_to(BASE)
    overlay["resources"] = ["base"]
    (tmp_path / "kustomization.yaml").write_text(json.dumps(overlay))
    done = tools.run("kubectl", "kustomize", str(tmp_path))
    vad = read(done.stdout)["Deployment", "vad"]
    assert vad["metadata"]["namespace"] == "night"
    assert vad["spec"]["replicas"] == 7
    assert container(vad)["image"].startswith("registry.example.com/callscribe-vad:")


DIGITS = {
    **{"redis.secret": "1", "redis.storageClass": "2", "redis.priorityClassName": "3"},
    **{"gateway.keysSecret": "4", "gateway.priorityClassName": "5", "ingress.tlsSecret": "6"},
    **{"ingress.className": "7", "images.pullSecrets": ["8"], "ingress.annotations": {"a": "9"}},
}


def test_a_name_of_digits_stays_a_text():
    objects = rendered("small", DIGITS, release="10")
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    for each in objects.values():
        kubernetes_validate.validate(each, "1.30", strict=True)
    assert '"10"' in json.dumps(objects["Service", "10-callscribe-gateway"])
