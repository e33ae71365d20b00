"""Every manifest against Kubernetes' schemas, and a subset of KEDA's and Prometheus' operators'.

The latter are crds.json, written from their documentation: only what is rendered is in it.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from deploy.helm import tools
from deploy.helm.generate import BASE
from tests.unit.deploy.sites import SITES, read, rendered

kubernetes_validate = pytest.importorskip("kubernetes_validate")

CRDS = json.loads(Path(__file__).with_name("crds.json").read_text())
VERSIONS = ["1.30", "1.33", kubernetes_validate.latest_version()]
"""From the oldest that knows all fields on."""
SECRETS = {
    "redis.secret": None,
    "redis.userSecrets": "callscribe-redis",
    "gateway.keysSecret": "callscribe-keys",
    "gateway.tlsSecret": "callscribe-gateway",
    "sinks.secret": "callscribe-sinks",
    "sinks.awsSecret": "callscribe-aws",
    "sinks.networks": ["10.60.0.0/24"],
    "sinks.ports": [443, 5432],
    "gateway.tolerations": [{"key": "telephones", "operator": "Exists"}],
    "ingress.className": "haproxy",
    "monitoring.enabled": True,
}
TOKEN = {
    "autoscaling.authentication.modes": "bearer",
    "autoscaling.authentication.secretTargetRef": [
        {"parameter": "bearerToken", "name": "thanos", "key": "token"}
    ],
}
"""What no file of values has."""
RENDERED = {
    **SITES,
    "secrets": rendered("small", SECRETS),
    "token": rendered("large", TOKEN),
    "kustomize": read(tools.run("kubectl", "kustomize", str(BASE)).stdout),
}
OBJECTS = [
    pytest.param(each, id=f"{site}-{each['kind']}-{each['metadata']['name']}")
    for site, objects in RENDERED.items()
    for each in objects.values()
]


@pytest.fixture(scope="module", autouse=True)
def schemas_are_read_once() -> Iterator[None]:
    """The package reads a megabyte of JSON for every object."""
    utils = kubernetes_validate.utils
    with pytest.MonkeyPatch.context() as patch:
        for name in ("schema_contents", "all_versions"):
            patch.setattr(utils, name, cache(getattr(utils, name)))
        yield


def check(each, version):
    if each["kind"] in CRDS:
        # The references in a schema are those of the whole file.
        jsonschema.validate(each, {"$ref": f"#/{each['kind']}", **CRDS})
    else:
        kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("each", OBJECTS)
def test_the_schema_is_kept(each):
    for version in VERSIONS:
        check(each, version)


def spoilt(each):
    """Return an object with a field that no schema knows."""
    return {**each, "spec": {**each.get("spec", {}), "replicaz": 3}}


@pytest.mark.parametrize("each", OBJECTS)
def test_a_misspelt_field_is_found(each):
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        check(spoilt(each), VERSIONS[0])
