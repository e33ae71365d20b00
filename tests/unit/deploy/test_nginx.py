"""deploy/nginx and deploy/haproxy, beside what docker-compose.yml gives them."""

import ipaddress
import re

from common.settings import load
from gateway.admission.forwarded import TrustedProxies
from gateway.settings import GatewaySettings
from tests.conftest import ROOT
from tests.unit.deploy import compose

DIRECTORY = ROOT / "deploy" / "nginx"


def whole(name):
    """Return a file with those that it includes."""
    text = (DIRECTORY / name).read_text()
    return re.sub(r"^ *include (.+);$", lambda found: whole(found[1]), text, flags=re.MULTILINE)


CONFIG = whole("nginx.conf")
PLAIN = whole("proxy.conf")
FILE = compose.read({})
PROXIES = [FILE["services"][name] for name in ("proxy", "haproxy", "nginx")]
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
    for service, config in ((NGINX, CONFIG), (FILE["services"]["proxy"], PLAIN)):
        assert service["read_only"]
        assert service["tmpfs"] == ["/tmp"]
        written = re.findall(r"^\s*(?:pid|\w+_temp_path) (.+);$", config, re.MULTILINE)
        assert len(written) == 6
        assert all(path.startswith("/tmp/") for path in written)


def test_the_files_lie_where_they_are_mounted():
    own, certificates = (mount.split(":") for mount in NGINX["volumes"])
    _, _, config, *_ = NGINX["command"]
    assert own == ["./deploy/nginx", config.removesuffix("/nginx.conf"), "ro"]
    for service, last in (("proxy", -3), ("haproxy", -1)):
        (mount,) = FILE["services"][service]["volumes"]
        source, folder, mode = mount.split(":")
        config = FILE["services"][service]["command"][last]
        assert mode == "ro"
        assert (ROOT / source / config.removeprefix(f"{folder}/")).is_file()
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


def test_they_ask_the_gateways_at_their_ports():
    own = compose.environment(FILE["services"]["gateway"], {})
    operators = own.pop("CALLSCRIBE_ADMIN_PORT")
    ports = sorted(value for name, value in own.items() if name.endswith("_PORT"))
    assert directive("set") == f"$gateway gateway:{own['CALLSCRIBE_PORT']}"
    asked = re.findall(
        r"^\s*listen (\d+) .*;\n\s*set \$gateway gateway:(\d+);$", PLAIN, re.MULTILINE
    )
    assert sorted(asked) == [(port, port) for port in ports]
    haproxy = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
    assert sorted(re.findall(r"^    bind :(\d+)$", haproxy, re.MULTILINE)) == ports
    assert sorted(re.findall(r" gateway:(\d+)$", haproxy, re.MULTILINE)) == ports
    assert f"check port {own['CALLSCRIBE_PORT']} " in haproxy
    assert all(operators not in text for text in (CONFIG, PLAIN, haproxy))


def test_the_gateways_trust_the_proxies_addresses_and_nobody_else():
    settings = load(GatewaySettings, [], compose.environment(FILE["services"]["gateway"], {}))
    addresses = [each["networks"]["proxy"]["ipv4_address"] for each in PROXIES]
    assert settings.trusted_proxies == ",".join(addresses)
    (shared,) = FILE["networks"]["proxy"]["ipam"]["config"]
    hosts = [str(each) for each in ipaddress.ip_network(shared["subnet"]).hosts()]
    # The host's own connections come from there.
    assert shared["gateway"] not in addresses
    trusted = TrustedProxies.parse(settings.trusted_proxies or "")
    assert [each for each in hosts if trusted.trusts(each)] == addresses
    given = {str(each) for each in ipaddress.ip_network(shared["ip_range"])}
    assert given < {shared["subnet"].replace("0/24", "255"), *hosts} - {*addresses}
    sharing = [n for n, each in FILE["services"].items() if "proxy" in each.get("networks", ())]
    assert sorted(sharing) == ["gateway", "haproxy", "nginx", "proxy"]


def test_what_a_client_says_of_its_address_is_dropped():
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in CONFIG
    assert 'proxy_set_header Forwarded "";' in CONFIG
    haproxy = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
    for backend in ("paths", "stream_ws", "vosk"):
        _, _, lines = haproxy.partition(f"\nbackend {backend}\n")
        lines = lines.partition("\n\n")[0]
        assert "http-request set-header X-Forwarded-For %[src]\n" in lines
        assert "http-request del-header Forwarded\n" in lines


def test_both_are_of_the_profile_and_the_certificate_comes_first():
    assert NGINX["profiles"] == CERTIFICATE["profiles"] == ["tls"]
    wanted = {"condition": "service_completed_successfully"}
    assert NGINX["depends_on"]["certificate"] == wanted
    assert CERTIFICATE["restart"] == "no"


def test_no_name_of_the_certificate_changes_from_one_container_to_the_next():
    assert CERTIFICATE["hostname"]
    assert CERTIFICATE["network_mode"] == "none"
