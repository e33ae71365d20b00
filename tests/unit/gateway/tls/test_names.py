import socket

import pytest

from common.errors import SettingsError
from gateway.tls.names import own_names


def test_they_are_those_of_this_machine():
    names = own_names()
    assert {"localhost", "127.0.0.1", "::1", socket.gethostname().lower()} <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("Calls.Example", "calls.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.example.com", "*.example.com"),
    ],
)
def test_given_names_come_first_as_certificates_have_them(given, name):
    assert own_names(given)[0] == name


@pytest.mark.parametrize("given", ["0.0.0.0", "::"])
def test_every_address_is_none(given):
    assert own_names(given) == own_names()


@pytest.mark.parametrize("given", ["", "a b", "a..b", "x" * 70, "a/b", "ws://a"])
def test_what_is_no_name_is_named(given):
    with pytest.raises(SettingsError) as error:
        own_names(given)
    assert str(error.value) == f"{given!a} is neither a host name nor an address"
