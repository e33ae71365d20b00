"""deploy/nginx, beside what docker-compose.yml gives it."""

import ipaddress
import re

from common.settings import load
from gateway.admission.forwarded import TrustedProxies
from gateway.settings import GatewaySettings
from tests.conftest import ROOT
from tests.unit.deploy import compose

CONFIG = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text()
FILE = compose.read({})
NGINX = FILE["services"]["nginx"]
CERTIFICATE = FILE["services"]["certificate"]
UNITS = {"s": 1, "h": 3600, "d": 86_400}


def directive(name):
    (value,) = re.findall(rf"^\s*{name} (.+);$", CONFIG, re.MULTILINE)
    return value


def seconds(name):
    value = directive(name)
    return int(value[:-1]) * UNITS[value[-1]]


def test_a_silent_call_stays_open():
    day = 86_400
    assert seconds("proxy_read_timeout") == seconds("proxy_send_timeout") == day


def test_nothing_is_held_back():
    assert directive("proxy_buffering") == directive("proxy_request_buffering") == "off"
    assert directive("client_max_body_size") == "0"


def test_old_versions_of_tls_are_refused():
    assert directive("ssl_protocols") == "TLSv1.2 TLSv1.3"


def test_nothing_of_a_client_is_logged():
    assert directive("access_log") == "off"
    assert directive("error_log") == "stderr crit"


def test_it_writes_below_tmp_alone():
    assert NGINX["read_only"]
    assert NGINX["tmpfs"] == ["/tmp"]
    written = re.findall(r"^\s*(?:pid|\w+_temp_path) (.+);$", CONFIG, re.MULTILINE)
    assert len(written) == 6
    assert all(path.startswith("/tmp/") for path in written)


def test_the_files_lie_where_they_are_mounted():
    own, certificates = (mount.split(":") for mount in NGINX["volumes"])
    _, _, config, *_ = NGINX["command"]
    assert own == ["./deploy/nginx", config.removesuffix("/nginx.conf"), "ro"]
    (made,) = CERTIFICATE["volumes"]
    assert made.split(":") == certificates[:2]
    assert CERTIFICATE["command"][:2] == ["certificate", certificates[1]]
    assert directive("ssl_certificate") == f"{certificates[1]}/fullchain.pem"
    assert directive("ssl_certificate_key") == f"{certificates[1]}/privkey.pem"


def test_a_directory_on_the_host_takes_the_place_of_the_volume():
    services = compose.read({"TLS_DIR": "./certs", "TLS_NAME": "calls.example"})["services"]
    mounts = {services[name]["volumes"][-1].partition(":")[0] for name in ("nginx", "certificate")}
    assert mounts == {"./certs"}
    assert services["certificate"]["command"][-1] == "calls.example"


def test_it_asks_the_gateway_at_its_port():
    own = compose.environment(FILE["services"]["gateway"], {})
    assert directive("set") == f"$gateway gateway:{own['CALLSCRIBE_PORT']}"


def test_the_gateway_trusts_the_proxys_address_and_nobody_else():
    settings = load(GatewaySettings, [], compose.environment(FILE["services"]["gateway"], {}))
    address = NGINX["networks"]["proxy"]["ipv4_address"]
    assert settings.trusted_proxies == address
    (shared,) = FILE["networks"]["proxy"]["ipam"]["config"]
    hosts = [str(each) for each in ipaddress.ip_network(shared["subnet"]).hosts()]
    # Docker itself takes the first one, and the host's own connections come from there.
    assert address in hosts[1:]
    trusted = TrustedProxies.parse(settings.trusted_proxies or "")
    assert [each for each in hosts if trusted.trusts(each)] == [address]
    sharing = [n for n, each in FILE["services"].items() if "proxy" in each.get("networks", ())]
    assert sharing == ["gateway", "nginx"]


def test_what_a_client_says_of_its_address_is_dropped():
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in CONFIG
    assert 'proxy_set_header Forwarded "";' in CONFIG


def test_both_are_of_the_profile_and_the_certificate_comes_first():
    assert NGINX["profiles"] == CERTIFICATE["profiles"] == ["tls"]
    wanted = {"condition": "service_completed_successfully"}
    assert NGINX["depends_on"]["certificate"] == wanted
    assert CERTIFICATE["restart"] == "no"


def test_no_name_of_the_certificate_changes_from_one_container_to_the_next():
    assert CERTIFICATE["hostname"]
    assert CERTIFICATE["network_mode"] == "none"
