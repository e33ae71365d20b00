"""Reading Redis URLs: what is understood, what is refused and how, and what is never shown."""

import ssl

import pytest

from common.errors import SettingsError
from common.redis.address import Address


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


def test_sentinels_and_their_service():
    url = "redis+sentinel://ann:s%20ecret@s1,s2:7000,[::1]:7001/my-main.1/3?sentinel_username=bob&sentinel_password=p%26w"
    address = Address.parse(url)
    assert address.sentinels == (("s1", 26379), ("s2", 7000), ("::1", 7001))
    assert (address.service, address.db) == ("my-main.1", 3)
    assert str(address) == "my-main.1 of s1:26379,s2:7000,[::1]:7001"
    master = address.at(("10.0.0.1", 6400))
    assert (master.host, master.port, master.db) == ("10.0.0.1", 6400, 3)
    assert (master.username, master.password) == ("ann", "s ecret")
    assert not master.sentinels
    sentinel = address.sentinel_at(("s1", 26379))
    assert (sentinel.host, sentinel.port, sentinel.db) == ("s1", 26379, 0)
    assert (sentinel.username, sentinel.password) == ("bob", "p&w")
    assert Address.parse("redis+sentinel://[::1],s2/main").sentinels[0] == ("::1", 26379)
    assert Address.parse("redis+sentinel://s1/main").db == 0
    assert Address.parse("redis+sentinel://s1/main?db=4").db == 4


def test_a_cluster_and_its_nodes():
    address = Address.parse("redis+cluster://:pw@n1,n2:7000")
    assert address.nodes == (("n1", 6379), ("n2", 7000))
    assert str(address) == "cluster of n1:6379,n2:7000"
    assert address.at(("n3", 1)) == Address("n3", 1, password="pw")


@pytest.mark.parametrize("url", ["rediss+sentinel://s/main", "rediss+cluster://n"])
def test_tls_goes_to_every_server(url):
    address = Address.parse(url)
    assert address.tls is not None
    assert address.at(("n", 1)).tls is address.sentinel_at(("s", 1)).tls is address.tls


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
        ("redis://host/db", "database number"),
        ("redis://host?port=5", "'port'"),
        ("redis+unix://host", "scheme"),
        ("unix+cluster://host", "scheme"),
        ("redis://host?sentinel_password=x", "'sentinel_password'"),
        ("redis://host?ssl_ca_certs=/ca.pem", "ssl_ca_certs is for rediss"),
        ("rediss://host?ssl_keyfile=/key.pem", "needs ssl_certfile"),
        ("rediss://host?ssl_certfile=/no/such.pem", "/no/such.pem"),
        ("redis+sentinel://host:26379", "/<service>"),
        ("redis+sentinel://host/main/x", "/<service>"),
        ("redis+sentinel://host/main/1/2", "/<service>"),
        ("redis+sentinel:///main", "empty"),
        ("redis+cluster://", "empty"),
        ("redis+cluster://a,,b", "empty"),
        ("redis+cluster://a:1:2", "port"),
        ("redis+cluster://a:0", "port"),
        ("redis+cluster://a:65536", "port"),
        ("redis+cluster://::1", "empty"),
        ("redis+cluster://a/1", "database"),
        ("redis+cluster://a?db=1", "database"),
        ("redis+cluster://a?colour=red", "'colour'"),
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
        "redis+sentinel://:topsecret@host/main?sentinel_password=topsecret",
        "rediss+cluster://ann:topsecret@host",
    ],
)
def test_the_password_is_never_shown(url):
    address = Address.parse(url)
    assert address.password == "topsecret"
    assert "topsecret" not in f"{address} {address!r} {[address]}"


@pytest.mark.parametrize(
    "url",
    [
        "redis://:topsecret/2@host",
        "redis://:topsecret#x@host",
        "http://:topsecret@host",
        *(
            f"redis+{kind}://{user}topsecret{sign}2@host/main"
            for kind in ("sentinel", "cluster")
            for user in (":", "ann:", "ann:1")
            for sign in "/#?"
        ),
        "redis+sentinel://ann:1/topsecret@host/main",
        "redis+sentinel://host?sentinel_password=topsecret",
    ],
)
def test_nor_is_one_that_was_not_quoted(url):
    with pytest.raises(SettingsError) as caught:
        Address.parse(url)
    assert "topsecret" not in str(caught.value)


def test_the_password_of_a_user_is_in_the_file_of_its_name(tmp_path):
    for name, password in (("vad", "one\n"), ("ann", "two"), ("watcher", "three")):
        (tmp_path / name).write_text(password)
    shared = Address.parse(f"redis://host?passwords={tmp_path}", "vad")
    assert (shared.username, shared.password) == ("vad", "one")
    own = Address.parse(f"unix://ann@/run/redis.sock?passwords={tmp_path}", "vad")
    assert (own.username, own.password) == ("ann", "two")
    address = Address.parse(
        f"redis+sentinel://host/main?passwords={tmp_path}&sentinel_username=watcher", "vad"
    )
    assert (address.password, address.sentinel_password) == ("one", "three")
    given = "sentinel_username=a&sentinel_password=b"
    address = Address.parse(f"redis+sentinel://host/main?passwords={tmp_path}&{given}", "vad")
    assert (address.sentinel_username, address.sentinel_password) == ("a", "b")
    cluster = Address.parse(f"redis+cluster://ann@n1,n2?passwords={tmp_path}", "vad")
    assert (cluster.username, cluster.password) == ("ann", "two")


def test_what_is_wrong_with_the_passwords_is_said(tmp_path):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff")
    url = f"redis://host?passwords={tmp_path}"
    for process, complaint in [
        ("", "passwords needs a user before the host"),
        ("vad", f"cannot read {tmp_path}/vad: No such file or directory"),
        ("empty", f"{tmp_path}/empty is empty"),
        ("binary", f"cannot read {tmp_path}/binary: not a text"),
        ("../x", "the name of the user is no name of a file"),
    ]:
        with pytest.raises(SettingsError, match=complaint):
            Address.parse(url, process)
    with pytest.raises(SettingsError, match="a password and passwords exclude each other"):
        Address.parse(f"redis://ann:topsecret@host?passwords={tmp_path}")
