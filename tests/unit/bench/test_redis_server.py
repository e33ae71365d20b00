"""Where a protected Redis is, for the services and for who looks after it."""

from urllib.parse import quote

from bench.redis_server import Guard, admin_url
from common.bus import acl
from common.redis.address import Address


def test_an_open_server_has_a_plain_url(tmp_path):
    guard = Guard(tmp_path, "none")
    assert guard.url(7) == admin_url(guard.url(7)) == "redis://127.0.0.1:7/0"
    assert guard.options(7) == {"port": "7"}
    assert guard.denials(7) == []


def test_every_service_finds_its_user(tmp_path):
    guard = Guard(tmp_path, "acl")
    for user in acl.users():
        address = Address.parse(guard.url(7), user.name)
        assert (address.username, address.password) == (user.name, user.name)
    assert admin_url(guard.url(7)) == "redis://admin:admin@127.0.0.1:7/0"
    default, *users = (tmp_path / "users.acl").read_text().splitlines()
    assert default == acl.LOCKED
    assert users == [each.line(each.name) for each in (*acl.users(), acl.ADMIN)]
    assert guard.options(7) == {"port": "7", "aclfile": str(tmp_path / "users.acl")}


def test_with_tls_there_is_no_other_port(tmp_path):
    guard = Guard(tmp_path, "tls")
    assert guard.options(7)["port"] == "0"
    assert guard.options(7)["tls-port"] == "7"
    address = Address.parse(guard.url(7), "vad")
    assert address.tls is not None
    assert address.username == "vad"
    trusted = quote(str(tmp_path / "fullchain.pem"), safe="")
    assert admin_url(guard.url(7)) == f"rediss://admin:admin@127.0.0.1:7/0?ssl_ca_certs={trusted}"
