"""The folder `deploy/secrets`, where docker-compose.yml looks for files that only some may read."""

import json
import re
from pathlib import PurePosixPath

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from common.bus import acl
from common.settings import load
from gateway.policies import Policies
from gateway.settings import GatewaySettings
from tests.conftest import ROOT
from tests.documents import block
from tests.unit.deploy import compose

GATEWAY = compose.services({})["gateway"]
FOLDER = "/run/secrets/callscribe"
FILES = [name for name in GATEWAY["environment"] if re.fullmatch("CALLSCRIBE_.*_FILE", name)]


def content(variable):
    """Return what a file may hold."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return {
        "CALLSCRIBE_JWT_PUBLIC_KEY_FILE": public.public_bytes(
            serialization.Encoding.PEM, form
        ).decode(),
        "CALLSCRIBE_JWT_JWKS_FILE": json.dumps(
            {"keys": [ECAlgorithm.to_jwk(public, as_dict=True)]}
        ),
        "CALLSCRIBE_KEYS_FILE": "[]",
        "CALLSCRIBE_WEBHOOK_SECRET_FILE": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
        "CALLSCRIBE_SINKS_FILE": "crm=postgresql://me:secret@db/calls",
    }.get(variable, "0123456789abcdef0123456789abcdef")


def loaded(env, tmp_path):
    """Return the gateway's settings with this .env, and files where they would be mounted."""
    (tmp_path / "deploy" / "secrets" / "gateway").mkdir(parents=True, exist_ok=True)
    service = compose.services(env)["gateway"]
    given = compose.environment(service, env)
    for variable in FILES:
        if variable in given:
            path = PurePosixPath(given[variable])
            source = compose.mounts(compose.read(env), "gateway")[str(path.parent)]
            here = tmp_path / source / path.name
            here.write_text(content(variable))
            given[variable] = str(here)
    return load(GatewaySettings, [], given)


@pytest.mark.parametrize("variable", FILES)
def test_each_file_reaches_the_gateway(variable, tmp_path):
    env = {"CALLSCRIBE_NO_AUTH": "false", variable: f"{FOLDER}/it"}
    if "WEBHOOK" in variable:
        env["CALLSCRIBE_WEBHOOK_URL"] = "https://receiver.example/"
    settings = loaded(env, tmp_path)
    policies = Policies.of(settings)
    name = variable.removeprefix("CALLSCRIBE_").lower()
    assert getattr(settings, name) == tmp_path / "deploy" / "secrets" / "gateway" / "it"
    assert (policies.authority is None) == ("JWT" not in variable)
    assert (policies.twilio_auth_token is None) == ("TWILIO" not in variable)
    assert bool(policies.webhooks.secrets.keys) == ("WEBHOOK" in variable)
    assert bool(policies.sinks) == ("SINKS" in variable)


def test_a_key_for_s3_may_be_a_file(tmp_path):
    (tmp_path / "deploy" / "secrets" / "gateway").mkdir(parents=True)
    given = compose.environment(GATEWAY, {"AWS_SHARED_CREDENTIALS_FILE": f"{FOLDER}/aws"})
    assert given["AWS_SHARED_CREDENTIALS_FILE"] == f"{FOLDER}/aws"


def test_the_files_of_the_page_reach_the_gateway(tmp_path):
    text = block("docs/compose.md", "CALLSCRIBE_NO_AUTH=false")
    env = dict(line.split("=", 1) for line in text.splitlines())
    settings = loaded({**env, "CALLSCRIBE_WEBHOOK_URL": "https://receiver.example/"}, tmp_path)
    policies = Policies.of(settings)
    assert settings.keys_file is not None
    assert policies.authority is not None
    assert policies.twilio_auth_token is not None
    assert not settings.no_auth


def test_the_folder_is_there_and_what_lies_in_it_is_never_committed():
    (mount,) = GATEWAY["volumes"]
    assert mount == f"./deploy/secrets/gateway:{FOLDER}:ro"
    folder = ROOT / mount.partition(":")[0]
    assert (folder / ".gitignore").read_text().splitlines() == ["*", "!.gitignore"]
    _, *ignored = (folder.parent / ".gitignore").read_text().splitlines()
    assert ignored == ["*", "!.gitignore", "!gateway/"]


WITH_USERS = compose.services({}, compose.USERS)


@pytest.mark.parametrize("name", WITH_USERS)
def test_a_service_sees_the_password_of_its_own_user_alone(name):
    (user,) = WITH_USERS[name]["command"]
    assert user in {each.name for each in acl.users()}
    mounts = compose.mounts(compose.read({}, compose.USERS), name)
    seen = {target: source for target, source in mounts.items() if "redis" in target}
    assert seen == {f"/run/secrets/redis/{user}": f"./deploy/secrets/redis/{user}"}
    url = WITH_USERS[name]["environment"]["CALLSCRIBE_REDIS_URL"]
    assert url == "redis://redis:6379/0?passwords=/run/secrets/redis"


def test_another_redis_may_have_the_same_users():
    url = "redis://redis.internal:6379/0?passwords=/run/secrets/redis"
    for service in compose.services({"CALLSCRIBE_REDIS_URL": url}, compose.USERS).values():
        assert service["environment"]["CALLSCRIBE_REDIS_URL"] == url


def test_no_service_sees_the_password_of_a_person():
    secrets = compose.read({}, compose.USERS)["secrets"].values()
    assert "./deploy/secrets/redis/admin" not in {each["file"] for each in secrets}
