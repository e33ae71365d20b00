import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import SettingsError
from common.settings import load
from gateway.admission.forwarded import TrustedProxies
from gateway.policies import Policies
from gateway.settings import GatewaySettings

PROXIES = TrustedProxies.parse("10.0.0.0/8, 192.0.2.1,2001:db8:f::/48")
PROXY = "10.0.0.1"


def client(*, peer=PROXY, xff=(), forwarded=()):
    return PROXIES.client(peer, xff, forwarded)


@pytest.mark.parametrize("peer", ["203.0.113.7", "2001:db8::7", "11.0.0.1"])
def test_of_a_peer_that_is_no_proxy_nothing_is_read(peer):
    assert client(peer=peer, xff=["198.51.100.1"], forwarded=["for=198.51.100.1"]) == peer


def test_by_default_nobody_is_a_proxy():
    assert TrustedProxies().client(PROXY, ["198.51.100.1"], []) == PROXY


@pytest.mark.parametrize(
    ("xff", "expected"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        # Entries further left come from the client itself.
        (["198.51.100.1, 203.0.113.7, 10.0.0.2, 192.0.2.1"], "203.0.113.7"),
        (["198.51.100.1", "203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        (["not an address, 203.0.113.7"], "203.0.113.7"),
        (["10.0.0.3,10.0.0.2"], "10.0.0.3"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["2001:DB8::7"], "2001:db8::7"),
        (["[2001:db8::7]"], "2001:db8::7"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, ::ffff:10.0.0.2"], "203.0.113.7"),
        (["203.0.113.7,, 10.0.0.2, "], "203.0.113.7"),
    ],
)
def test_the_right_most_address_that_is_no_proxys_is_the_clients(xff, expected):
    assert client(xff=xff) == expected


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["for=203.0.113.7"], "203.0.113.7"),
        (["For=203.0.113.7;proto=https;by=10.0.0.1"], "203.0.113.7"),
        (["by=10.0.0.1; for=203.0.113.7 , for=10.0.0.2"], "203.0.113.7"),
        (['for="[2001:db8:cafe::17]:4711"'], "2001:db8:cafe::17"),
        (['for="203.0.113.7:4711"'], "203.0.113.7"),
        (["for=203.0.113.7:4711"], "203.0.113.7"),
        (['for=198.51.100.1;host="a, for=1.2.3.4", for=203.0.113.7'], "203.0.113.7"),
        (['for=203.0.113.7;host="a, for=1.2.3.4;b=\\""'], "203.0.113.7"),
        (["for=unknown, for=203.0.113.7"], "203.0.113.7"),
        (['for="1.2.3.4', "for=203.0.113.7"], "203.0.113.7"),
    ],
)
def test_forwarded_is_read_likewise(forwarded, expected):
    assert client(forwarded=forwarded) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"xff": ["unknown"]},
        {"xff": ["203.0.113.7, 300.1.1.1"]},
        {"xff": ["203.0.113.7, fe80::1%eth0"]},
        {"xff": ["203.0.113.7 10.0.0.2"]},
        {"xff": ["203.0.113.7, [10.0.0.2"]},
        {"xff": ["203.0.113.007"]},
        {"xff": [""]},
        {"forwarded": ["for=unknown"]},
        {"forwarded": ["for=_hidden"]},
        {"forwarded": ["by=203.0.113.7"]},
        {"forwarded": ["203.0.113.7"]},
        {"forwarded": ["for=203.0.113.7;for=203.0.113.8"]},
        # With an open quote it is unknown where the client's own part ends.
        {"forwarded": ['for="1.2.3.4, for=203.0.113.7']},
        {"forwarded": ['for="1.2.3.4"x, for=203.0.113.7']},
        {"xff": ["203.0.113.7"], "forwarded": ["for=203.0.113.8"]},
        {"xff": ["203.0.113.7"], "forwarded": ["for=unknown"]},
    ],
)
def test_where_they_cannot_be_read_the_proxys_address_counts(headers):
    assert client(**headers) == PROXY


def test_both_may_say_the_same():
    assert client(xff=["203.0.113.7"], forwarded=["for=203.0.113.7"]) == "203.0.113.7"


def test_an_address_counts_once_in_either_form():
    assert client(peer="::ffff:203.0.113.7") == "203.0.113.7"
    assert client(peer="::ffff:10.0.0.1", xff=["203.0.113.7"]) == "203.0.113.7"
    assert client(peer="2001:DB8:0::7") == "2001:db8::7"
    assert client(peer="") == ""


PARTS = st.sampled_from(
    ['"', "\\", ",", ";", "=", "for", " ", "10.0.0.2", "1.2.3.4", "[::1]", ":8"]
)


@given(st.lists(PARTS, max_size=20).map("".join) | st.text(), st.booleans())
def test_whatever_is_sent_leaves_an_address_and_never_what_is_left_of_a_proxys_entry(text, new):
    assert client(xff=[text], forwarded=[text])
    assert client(xff=[f"{text}, 203.0.113.7"]) == "203.0.113.7"
    appended = [text, "for=203.0.113.7"] if new else [f"{text}, for=203.0.113.7"]
    assert client(forwarded=appended) in ({"203.0.113.7"} if new else {"203.0.113.7", PROXY})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("proxy", "'proxy' is no address or network"),
        ("10.0.0.0/8,10.0.0.1/8", "'10.0.0.1/8' is no address or network: "),
        ("::ffff:10.0.0.0/104", "'::ffff:10.0.0.0/104' is an IPv4 network: write it as one"),
    ],
)
def test_a_bad_network_stops_the_start_and_is_named(text, named):
    with pytest.raises(SettingsError) as caught:
        Policies.of(load(GatewaySettings, ["--trusted-proxies", text], {}))
    assert str(caught.value).startswith(f"--trusted-proxies: {named}")
