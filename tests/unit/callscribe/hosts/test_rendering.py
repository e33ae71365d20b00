"""What each host of a site is given: only the secrets it needs, and files that programs read."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from callscribe.hosts.authority import Authority
from callscribe.hosts.file import Files
from callscribe.hosts.rendering import render
from tests.conftest import ROOT
from tests.unit.callscribe.hosts.sites import USERS, given, site

RENDERED = render(site(), given())
ETC = "/etc/callscribe"


def text(host: str, path: str, files: dict[str, Files] | None = None) -> str:
    return (files or RENDERED)[host][path].text


def test_a_host_gets_the_passwords_of_its_services_alone():
    found = {
        host: {user for user in USERS if any(f"password of {user}" in each.text for each in files)}
        for host, files in ((host, files.values()) for host, files in RENDERED.items())
    }
    services = {"gateway", "vad", "denoise", "asr"}
    assert found == {"one": {"operator", "metrics"}, "two": services, "three": services}


def test_every_host_gets_its_own_key_alone():
    for host, files in RENDERED.items():
        known = [
            name for name in RENDERED if any(f"key of {name}" in f.text for f in files.values())
        ]
        assert known == [host]


def test_what_is_secret_is_for_root_alone():
    words = ("password of", "key of", "digests")
    for files in RENDERED.values():
        for path, file in files.items():
            secret = any(word in file.text for word in words)
            assert file.mode == (0o600 if secret or path.endswith(".env") else 0o644), path


def test_nothing_of_debians_is_replaced():
    ours = (f"{ETC}/", "/etc/systemd/system/callscribe")
    drop_ins = ("redis-server", "haproxy", "prometheus", "prometheus-redis-exporter")
    others = tuple(f"/etc/systemd/system/{each}.service.d/site.conf" for each in drop_ins)
    for files in RENDERED.values():
        assert [path for path in files if not path.startswith(ours) and path not in others] == []


def test_the_targets_want_every_process_of_the_host():
    systemd = "/etc/systemd/system"
    gateways = text("two", f"{systemd}/callscribe.target.d/site.conf")
    workers = text("two", f"{systemd}/callscribe-workers.target.d/site.conf")
    assert gateways == "[Unit]\nWants=callscribe-gateway@8000.service\n"
    assert workers == (
        "[Unit]\nWants=callscribe-vad@9200.service callscribe-denoise@9300.service"
        " callscribe-asr@9400.service\n"
    )
    for unit in ("gateway", "vad", "denoise", "asr"):
        path = f"{systemd}/callscribe-{unit}@.service"
        assert text("two", path) == (ROOT / "deploy/systemd" / Path(path).name).read_text()


@pytest.mark.parametrize("host", ["two", "three"])
def test_haproxy_reads_its_file(host: str, tmp_path: Path):
    if shutil.which("haproxy") is None:
        pytest.skip("there is no HAProxy")
    own = Authority(tmp_path)
    identity = own.identity(host, [host, "10.77.0.2"])
    (tmp_path / "ca.pem").write_bytes(own.pem)
    (tmp_path / "proxy.pem").write_bytes(identity.pem + identity.key)
    file = tmp_path / "haproxy.cfg"
    file.write_text(text(host, f"{ETC}/haproxy.cfg").replace(f"{ETC}/", f"{tmp_path}/"))
    command = ["haproxy", "-c", "-f", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


def test_the_proxy_has_the_sites_certificate_or_its_hosts():
    path = f"{ETC}/proxy.pem"
    assert text("two", path) == "certificate of two\nkey of two\n"
    assert text("two", path, render(site(), given("chain and key"))) == "chain and key"


def test_the_proxies_differ_from_those_of_one_host_in_nothing_else():
    own = text("two", f"{ETC}/haproxy.cfg").splitlines()
    shared = (ROOT / "deploy/haproxy/haproxy.cfg").read_text()
    for line in shared.split("\n\n")[2].splitlines():
        words = line.strip()
        if words.startswith(("balance", "option", "timeout client", "timeout server", "retries")):
            assert f"    {words}" in own
    assert [line.strip() for line in own if line.strip().startswith("server ")] == [
        "server two-8000 10.77.0.2:8000 verifyhost two",
        "server three-8000 10.77.0.3:8000 verifyhost three",
    ]


def test_prometheus_asks_every_process():
    # The parser in C takes the colon of an address in brackets for a mistake; Go's does not.
    read = YAML(typ="safe", pure=True).load(text("one", f"{ETC}/prometheus.yml"))
    jobs = {job["job_name"]: job for job in read["scrape_configs"]}
    asked = {
        each["labels"]["service"]: each["targets"]
        for name in ("gateway", "workers")
        for each in jobs[name]["static_configs"]
    }
    ports = {"gateway": 9000, "vad": 9200, "denoise": 9300, "asr": 9400}
    assert asked == {
        service: [f"10.77.0.2:{port}", f"10.77.0.3:{port}"] for service, port in ports.items()
    }
    assert jobs["gateway"]["scheme"] == "https"
    assert jobs["redis"]["static_configs"][0]["labels"]["instance"] == "10.77.0.1:6379"


def test_variables_stand_in_quotes_that_systemd_leaves_alone():
    chosen = render(site('settings.webhook_url = "https://a.example/?q=$HOME%20x"\n'), given())
    lines = text("two", f"{ETC}/callscribe.env", chosen).splitlines()
    assert "CALLSCRIBE_WEBHOOK_URL='https://a.example/?q=$HOME%20x'" in lines
    values = dict(word.split("=", 1) for line in lines for word in shlex.split(line))
    assert values["CALLSCRIBE_TRUSTED_PROXIES"] == "10.77.0.2,10.77.0.3"
    assert {values[f"CALLSCRIBE_{each}"] for each in ("HOST", "ADMIN_HOST", "METRICS_HOST")} == {
        "10.77.0.2"
    }


def test_redis_is_reached_with_tls_by_each_user():
    for role, user in (("asr", "asr"), ("gateway", "gateway")):
        drop_in = text("two", f"/etc/systemd/system/callscribe-{role}@.service.d/site.conf")
        assert f"LoadCredential={user}:/etc/callscribe/redis/{user}\n" in drop_in
        assert (
            "CALLSCRIBE_REDIS_URL=rediss://10.77.0.1:6379/0?passwords=%d"
            "&ssl_ca_certs=/etc/callscribe/ca.pem\n" in drop_in
        )


def test_packages_and_units_are_those_of_the_roles():
    assert text("one", f"{ETC}/packages").split() == [
        *("python3-venv", "redis-server", "prometheus", "prometheus-redis-exporter"),
    ]
    assert text("two", f"{ETC}/packages").split() == ["python3-venv", "haproxy"]
    assert text("one", f"{ETC}/units").split() == [
        *("redis-server", "prometheus", "prometheus-redis-exporter"),
    ]
    assert text("two", f"{ETC}/units").split() == ["callscribe.target", "haproxy"]
