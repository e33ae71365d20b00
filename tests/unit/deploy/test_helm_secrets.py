"""The chart: what a pod gets of which Secret, as the process that runs in it reads it."""

import json
from pathlib import Path
from typing import Any

import pytest
from jwt.algorithms import ECAlgorithm

from common.redis.address import Address
from common.settings import load
from gateway.policies import Policies
from gateway.settings import GatewaySettings
from gateway.tls.keeping import kept
from tests.keys import Keys
from tests.unit.deploy.sites import SITES, container, of_kind, pod, rendered, services

NGINX = {
    f"nginx.ingress.kubernetes.io/{name}": value
    for name, value in (
        ("backend-protocol", "HTTPS"),
        ("proxy-next-upstream", "error timeout http_503"),
        ("enable-access-log", "false"),
    )
}
PEM = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9
q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==
-----END PUBLIC KEY-----
"""
_EC = ECAlgorithm(ECAlgorithm.SHA256)
JWK = ECAlgorithm.to_jwk(_EC.prepare_key(PEM), as_dict=True) | {"kid": "1"}
TOKENS = {"secret": "x" * 32, "public_key": PEM, "jwks": json.dumps({"keys": [JWK]})}


def secrets(workload: Any) -> dict[str, str]:
    """Return the names of the Secrets that are mounted, by directory."""
    volumes = {each["name"]: each for each in pod(workload)["volumes"]}
    found = {}
    for mount in container(workload)["volumeMounts"]:
        if secret := volumes[mount["name"]].get("secret"):
            assert mount["readOnly"]
            found[mount["mountPath"]] = secret["secretName"]
    return found


def environment(workload: Any, directory: Path) -> dict[str, str]:
    """Return the variables that are no secrets, with a test's directory for the container's."""
    return {
        each["name"]: each["value"].replace("/etc/callscribe", str(directory))
        for each in container(workload)["env"]
        if "value" in each
    }


def put(directory: Path, path: str, **files: str | bytes) -> None:
    """Fill a mounted directory; a name's double underline is a dot."""
    place = directory / Path(path).relative_to("/etc/callscribe")
    place.mkdir()
    for name, text in files.items():
        content = text.encode() if isinstance(text, str) else text
        (place / name.replace("__", ".")).write_bytes(content)


def test_no_manifest_holds_a_secret():
    for objects in SITES.values():
        assert "Secret" not in {kind for kind, _ in objects}


@pytest.mark.parametrize("site", ["small", "large"])
def test_with_one_user_all_services_get_the_url_from_one_secret(site):
    for each in of_kind(site, "Deployment").values():
        (url,) = [one for one in container(each)["env"] if "valueFrom" in one]
        assert url["name"] == "CALLSCRIBE_REDIS_URL"
        assert url["valueFrom"] == {"secretKeyRef": {"name": "callscribe-redis", "key": "url"}}


def test_with_users_a_service_gets_its_own_password_alone(tmp_path):
    changes = {"redis.clientSecret": "redis-client"}
    made = kept(tmp_path / "made", ["redis.internal"])
    key = (tmp_path / "made" / "privkey.pem").read_bytes()
    for name in services("gpu"):
        each = rendered("gpu", changes)["Deployment", name]
        mounted = secrets(each)
        assert mounted == {
            "/etc/callscribe/redis": "redis-ca",
            "/etc/callscribe/redis-client": "redis-client",
            "/etc/callscribe/redis-user": f"callscribe-redis-{name}",
        }
        directory = tmp_path / name
        directory.mkdir()
        put(directory, "/etc/callscribe/redis", ca__crt=made.pem)
        put(directory, "/etc/callscribe/redis-client", tls__crt=made.pem, tls__key=key)
        put(directory, "/etc/callscribe/redis-user", **{name: f"password of {name}\n"})
        assert not [one for one in container(each)["env"] if "valueFrom" in one]
        address = Address.parse(environment(each, directory)["CALLSCRIBE_REDIS_URL"], name)
        assert (address.username, address.password) == (name, f"password of {name}")
        assert address.nodes == (("redis.internal", 6379),)
        assert address.tls is not None
        assert address.tls.cert_store_stats()["x509"] == 1


def test_options_of_the_url_stay():
    url = "rediss+sentinel://a,b/calls?sentinel_username=sentinel"
    gateway = rendered("gpu", {"redis.url": url})["Deployment", "gateway"]
    (said,) = [each for each in container(gateway)["env"] if each["name"] == "CALLSCRIBE_REDIS_URL"]
    added = "passwords=/etc/callscribe/redis-user&ssl_ca_certs=/etc/callscribe/redis/ca.crt"
    assert said["value"] == f"{url}&{added}"


@pytest.mark.parametrize("kind", TOKENS)
def test_a_gateway_reads_all_that_its_secrets_hold(kind, tmp_path):
    changes = {
        "gateway.keysSecret": "callscribe-keys",
        "gateway.jwtSecret": "callscribe-jwt",
        "gateway.jwtKey": kind,
        "gateway.twilioSecret": "callscribe-twilio",
        "gateway.tlsSecret": "callscribe-gateway",
        "gateway.webhookSecret": "callscribe-webhooks",
        "gateway.settings.webhook_hosts": "hooks.example.com",
        "gateway.settings.jwt_issuer": "https://login.example.com",
        "ingress.annotations": NGINX,
        "sinks.secret": "callscribe-sinks",
        "sinks.awsSecret": "callscribe-aws",
        "sinks.networks": ["10.60.0.0/24"],
        "sinks.ports": [443, 5432],
    }
    gateway = rendered("small", changes)["Deployment", "gateway"]
    assert secrets(gateway) == {
        "/etc/callscribe/webhook": "callscribe-webhooks",
        "/etc/callscribe/keys": "callscribe-keys",
        "/etc/callscribe/jwt": "callscribe-jwt",
        "/etc/callscribe/twilio": "callscribe-twilio",
        "/etc/callscribe/tls": "callscribe-gateway",
        "/etc/callscribe/sinks": "callscribe-sinks",
        "/etc/callscribe/aws": "callscribe-aws",
    }
    made = kept(tmp_path / "made", ["gateway"])
    key = (tmp_path / "made" / "privkey.pem").read_bytes()
    keys = Keys(tmp_path / "keys.json")
    put(tmp_path, "/etc/callscribe/webhook", secrets="whsec_" + "MDEy" * 8)
    put(tmp_path, "/etc/callscribe/keys", keys__json=keys.file.read_bytes())
    put(tmp_path, "/etc/callscribe/jwt", **{kind: TOKENS[kind]})
    put(tmp_path, "/etc/callscribe/twilio", auth_token="token\n")
    put(tmp_path, "/etc/callscribe/tls", tls__crt=made.pem, tls__key=key)
    put(tmp_path, "/etc/callscribe/sinks", sinks="crm=postgresql://me:secret@db/calls\n")
    put(tmp_path, "/etc/callscribe/aws", credentials="[default]\n")
    given = environment(gateway, tmp_path)
    assert Path(given["AWS_SHARED_CREDENTIALS_FILE"]).read_text() == "[default]\n"
    settings = load(GatewaySettings, [], given)
    assert [each.name for each in Policies.of(settings).sinks] == ["crm"]
    assert settings.keys_file is not None
    assert settings.keys_file.read_bytes() == keys.file.read_bytes()
    authority = Policies.of(settings).authority
    assert authority is not None
    assert bool(authority.secret) == (kind == "secret")
    assert bool(authority.public_key) == (kind == "public_key")
    assert Policies.of(settings).twilio_auth_token == b"token"
    assert settings.ssl_certfile is not None
    assert settings.ssl_certfile.read_bytes() == made.pem
    assert settings.webhook_secret_file is not None


def test_only_gateways_get_what_is_theirs():
    sinks = {"secret": "s", "awsSecret": "a", "networks": ["10.60.0.7"], "ports": [443]}
    given = {"gateway.keysSecret": "k", "gateway.twilioSecret": "t"}
    objects = rendered("small", given | {f"sinks.{name}": each for name, each in sinks.items()})
    for name in services("small"):
        wanted = {"k", "t", "s", "a"} if name == "gateway" else set()
        assert {*secrets(objects["Deployment", name]).values()} == wanted


def test_a_gateway_with_tls_is_asked_over_tls():
    objects = rendered("large", {"gateway.tlsSecret": "tls", "ingress.annotations": NGINX})
    asked = container(objects["Deployment", "gateway"])
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert asked[probe]["httpGet"]["scheme"] == "HTTPS"
        assert "scheme" not in container(objects["Deployment", "vad"])[probe]["httpGet"]
    endpoints = {
        each["port"]: each
        for each in objects["PodMonitor", "callscribe"]["spec"]["podMetricsEndpoints"]
    }
    assert endpoints["admin"]["scheme"] == "https"
    assert endpoints["admin"]["tlsConfig"] == {"insecureSkipVerify": True}
    assert "scheme" not in endpoints["metrics"]


def test_another_ingress_controller_needs_no_annotation_of_nginx():
    changes = {"gateway.tlsSecret": "tls", "ingress.className": "haproxy"}
    assert rendered("small", changes)
