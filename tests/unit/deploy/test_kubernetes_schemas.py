"""Every manifest against Kubernetes' schemas, and a subset of KEDA's and Prometheus' operators'.

The latter are crds.json, written from their documentation: only what is rendered is in it.
"""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.unit.deploy.sites import SITES, rendered

kubernetes_validate = pytest.importorskip("kubernetes_validate")

CRDS = json.loads(Path(__file__).with_name("crds.json").read_text())
VERSIONS = ["1.30", "1.33", kubernetes_validate.latest_version()]
"""From the oldest that knows all fields on."""
SECRETS = {
    "redis.secret": None,
    "redis.user_secrets": "callscribe-redis",
    "gateway.keys_secret": "callscribe-keys",
    "gateway.tls_secret": "callscribe-gateway",
    "ingress.class_name": "haproxy",
    "monitoring.namespace": "monitoring",
}
"""What no file of values has."""
OBJECTS = [
    pytest.param(each, id=f"{site}-{each['kind']}-{each['metadata']['name']}")
    for site, objects in {**SITES, "secrets": rendered("small", SECRETS).values()}.items()
    for each in objects
]


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
