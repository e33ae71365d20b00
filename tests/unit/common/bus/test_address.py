"""Reading Redis URLs: what is understood, what is refused and how, and what is never shown."""

import ssl

import pytest

from common.bus.address import Address
from common.errors import SettingsError


def test_a_url_is_taken_apart():
    address = Address.parse("redis://ann:s%20ecret@redis.example:7000/3")
    assert (address.host, address.port, address.db) == ("redis.example", 7000, 3)
    assert (address.username, address.password) == ("ann", "s ecret")
    assert address.tls is None
    assert address.path is None


def test_what_a_url_leaves_out_has_defaults():
    assert Address.parse("redis://") == Address("127.0.0.1", 6379)
    assert Address.parse("redis://host") == Address("host", 6379)
    assert Address.parse("redis://:pw@host").username is None


def test_a_socket_file_has_a_path():
    address = Address.parse("unix://:pw@/run/redis.sock?db=2")
    assert (address.path, address.db, address.password) == ("/run/redis.sock", 2, "pw")
    assert str(address) == "/run/redis.sock"


def test_tls_verifies_the_server():
    tls = Address.parse("rediss://host:6380").tls
    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://host", "scheme"),
        ("host:6379", "scheme"),
        ("", "scheme"),
        ("redis://host?db=x", "db"),
        ("redis://host?colour=red", "'colour'"),
        ("rediss://host?ssl_cert_reqs=none", "'ssl_cert_reqs'"),
        ("rediss://host?ssl_ca_certs=/no/such.pem", "/no/such.pem"),
        ("redis://host:99999", "range"),
        ("redis://host:port", "(?i)port"),
    ],
)
def test_what_is_wrong_is_named_and_so_is_the_option(url, complaint):
    with pytest.raises(SettingsError, match=complaint) as caught:
        Address.parse(url)
    assert str(caught.value).startswith("--redis-url: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://ann:topsecret@host:6379/0",
        "rediss://:topsecret@host",
        "unix://:topsecret@/run/redis.sock",
        "redis://host?password=topsecret",
    ],
)
def test_the_password_is_never_shown(url):
    address = Address.parse(url)
    assert address.password == "topsecret"
    assert "topsecret" not in f"{address} {address!r} {[address]}"


@pytest.mark.parametrize(
    "url", ["redis://:topsecret/2@host", "redis://:topsecret#x@host", "http://:topsecret@host"]
)
def test_nor_is_one_that_was_not_quoted(url):
    with pytest.raises(SettingsError) as caught:
        Address.parse(url)
    assert "topsecret" not in str(caught.value)
