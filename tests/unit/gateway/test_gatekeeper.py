"""A gateway that other machines reach starts only with keys, or when it is told to need none."""

import logging
import time
from pathlib import Path
from typing import Any, cast

import pytest

from common.errors import Retryable
from common.pipeline.access import AccessKey, new_key
from common.settings import load
from gateway.access.gate import Denied, Gate
from gateway.access.keyring import Keyring
from gateway.access.rules import Need
from gateway.gatekeeper import gatekeeper
from gateway.policies import Policies
from gateway.settings import GatewaySettings

PUBLIC = ("0.0.0.0", "::", "192.0.2.1", "desk.example")
HERE = ("127.0.0.1", "::1", "localhost")


def made(*flags: str, **keys: AccessKey) -> Gate:
    settings = load(GatewaySettings, flags, {})
    return gatekeeper(settings, Policies.of(settings), cast(Keyring, dict(keys)))


def record(**more: Any) -> AccessKey:
    return new_key("acme", ["transcribe"], int(time.time()), **more).record


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_without_keys_is_refused_and_the_remedies_are_named(host: str):
    with pytest.raises(Retryable) as refused:
        made("--host", host)
    said = str(refused.value)
    assert said.startswith(f"--host: {host} is reached from other machines")
    assert "callscribe keys create" in said
    assert "--no-auth" in said


@pytest.mark.parametrize("host", PUBLIC)
def test_a_port_of_one_tenant_is_no_key(host: str):
    with pytest.raises(Retryable, match="there are no keys"):
        made("--host", host, "--port-tenant", "pbx")


@pytest.mark.parametrize("host", HERE)
def test_on_this_machine_alone_nobody_needs_a_key_before_there_is_one(host: str):
    assert made("--host", host).open
    assert not made("--host", host, one=record()).open


@pytest.mark.parametrize("host", HERE)
def test_behind_a_proxy_even_this_machines_address_needs_keys(host: str):
    flags = ("--host", host, "--trusted-proxies", "127.0.0.1")
    with pytest.raises(Retryable, match="--trusted-proxies: what is behind a proxy is reached"):
        made(*flags)
    assert not made(*flags, one=record()).open
    assert made(*flags, "--no-auth").open


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_with_a_key_needs_one(host: str):
    gate = made("--host", host, one=record())
    with pytest.raises(Denied, match="needs an API key"):
        gate.admit(Need.TRANSCRIBE, {}, "192.0.2.7")


def test_a_public_address_with_tokens_of_another_authority_needs_one(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef" * 2)
    gate = made("--host", "0.0.0.0", "--jwt-secret-file", str(secret))
    assert not gate.open


def test_a_public_address_is_open_to_all_where_that_is_said(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        assert made("--host", "0.0.0.0", "--no-auth").open
        assert not caplog.records
        assert made("--host", "0.0.0.0", "--no-auth", one=record()).open
    (warned,) = caplog.records
    assert "access.ignored" in warned.getMessage()
