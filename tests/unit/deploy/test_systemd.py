"""deploy/systemd, beside the settings and what docker-compose.yml gives the same services."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from common.redis.address import Address
from common.settings import load, settings_classes
from gateway.policies import Policies
from gateway.settings import GatewaySettings
from tests.conftest import ROOT
from tests.unit.deploy import compose
from tests.unit.deploy.units import DIRECTORY, UNITS, Unit, installed

EXPOSURE = 3.0
"""Of 10, as `systemd-analyze security` counts: what is below is "OK"."""

PASSWORD = DIRECTORY / "redis-password.conf"
"""The drop-in that an operator copies for each service."""
SINKS = DIRECTORY / "sinks.conf"
"""The one for gateways alone."""
DROP_INS = {PASSWORD: "callscribe-vad@9300.service", SINKS: "callscribe-gateway@8000.service"}
SERVICES = {name.removeprefix("callscribe-"): name for name in UNITS}
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd"
)


def analyze(directory, *arguments):
    """Run systemd-analyze over these units alone, those of the system after them."""
    env = {**os.environ, "SYSTEMD_UNIT_PATH": f"{directory}:", "SYSTEMD_LOG_LEVEL": "warning"}
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_every_service_of_compose_has_a_unit():
    assert {*SERVICES} == {*compose.services({})}


@pytest.mark.parametrize("name", SERVICES)
def test_the_settings_are_accepted_and_those_of_compose(name):
    unit = Unit(SERVICES[name], "9300")
    command, *flags = unit.command("ExecStart")
    settings = load(settings_classes()[command], flags, unit.environment)
    composed = compose.services({})[name]
    assert composed["command"] == [command]
    theirs = load(settings_classes()[command], [], compose.environment(composed, {}))
    port = "port" if command == "gateway" else "metrics_port"
    assert getattr(settings, port) == 9300
    devices = [f"{each}_device" for each in ("vad", "denoise", "asr", "align")]
    slots = [f"{each}_slots" for each in ("vad", "denoise")]
    for each in ("log_format", "drain_s", "asr_engine", *devices, *slots):
        assert getattr(settings, each, None) == getattr(theirs, each, None)


@pytest.mark.parametrize("name", UNITS)
def test_what_is_checked_is_what_is_started(name):
    unit = Unit(name)
    assert unit.command("ExecStartPre") == ["check-config", *unit.command("ExecStart")]


@pytest.mark.parametrize("name", UNITS)
def test_a_drain_ends_before_systemd_loses_patience(name):
    unit = Unit(name)
    _, drain = " ".join(unit.command("ExecStart")).split("--drain-s ")
    assert int(unit.one("TimeoutStopSec")) == int(drain.split()[0]) + 60
    assert unit.one("KillMode") == "mixed"


@pytest.mark.parametrize("name", SERVICES)
def test_the_libraries_are_told_the_same_as_in_the_image(name):
    variables = Unit(SERVICES[name]).environment
    wanted = {
        **compose.image_environment(),
        **{n: v for n, v in compose.services({})[name]["environment"].items() if "THREADS" in n},
    }
    wanted = {n: v for n, v in wanted.items() if v is not None and not n.startswith("CALLSCRIBE")}
    assert wanted.items() <= variables.items()


@pytest.mark.parametrize("name", [n for n in UNITS if "cuda" in Unit(n).command("ExecStart")])
def test_a_unit_on_a_gpu_sees_the_devices_of_every_driver_and_of_mig(name):
    allowed = dict(each.split() for each in Unit(name).all("DeviceAllow"))
    assert allowed == {
        "char-nvidia": "rw",
        "char-nvidia-frontend": "rw",
        "char-nvidia-uvm": "rw",
        "char-nvidia-caps": "r",
    }


@pytest.mark.parametrize("name", UNITS)
def test_what_runs_vllm_alone_may_ask_for_network_interfaces(name):
    vllm = name in ("callscribe-asr-vllm", "callscribe-align")
    families = {each for line in Unit(name).all("RestrictAddressFamilies") for each in line.split()}
    # systemd adds one allowed list to another.
    assert families == {"AF_INET", "AF_INET6", "AF_UNIX", *(["AF_NETLINK"] if vllm else [])}


def test_a_password_is_read_from_where_systemd_puts_it(tmp_path):
    found = dict(
        line.split("=", 1) for line in PASSWORD.read_text().splitlines() if re.match(r"\w+=", line)
    )
    name, _, path = found["LoadCredential"].partition(":")
    assert path == f"/etc/callscribe/redis/{name}"
    assert name in settings_classes()
    (tmp_path / name).write_text("secret\n")
    variable, _, url = found["Environment"].partition("=")
    assert variable == "CALLSCRIBE_REDIS_URL"
    address = Address.parse(url.replace("%d", str(tmp_path)), name)
    assert (address.username, address.password) == (name, "secret")


def test_gateways_read_sinks_and_keys_from_where_systemd_puts_them(tmp_path, monkeypatch):
    content = SINKS.read_text()
    assert re.findall("^LoadCredential=(.*)$", content, re.MULTILINE) == [
        "sinks:/etc/callscribe/sinks",
        "aws:/etc/callscribe/aws",
    ]
    (tmp_path / "sinks").write_text("lake=s3://calls/live\ncrm=postgresql://me:secret@db/calls\n")
    (tmp_path / "aws").write_text("[default]\naws_access_key_id=id\naws_secret_access_key=key\n")
    given = dict(re.findall(r"^Environment=(\w+)=(.*)$", content, re.MULTILINE))
    variables = {name: value.replace("%d", str(tmp_path)) for name, value in given.items()}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", variables.pop("AWS_SHARED_CREDENTIALS_FILE"))
    sinks = Policies.of(load(GatewaySettings, [], variables)).sinks
    assert [each.name for each in sinks] == ["lake", "crm"]


@needs_systemd
@pytest.mark.parametrize("path", DROP_INS, ids=lambda path: path.stem)
def test_systemd_understands_the_drop_ins_for_secrets(path, tmp_path):
    directory, unit = installed(tmp_path, sys.executable), DROP_INS[path]
    drop_in = directory / f"{unit.partition('@')[0]}@.service.d" / path.name
    drop_in.parent.mkdir()
    drop_in.write_text(path.read_text())
    check = analyze(directory, "verify", "--man=no", unit)
    assert (check.returncode, "callscribe" in check.stderr) == (0, False), check.stderr
    drop_in.write_text(drop_in.read_text().replace("LoadCredential=", "LoadCredentials="))
    check = analyze(directory, "verify", "--man=no", unit)
    assert "LoadCredentials" in check.stderr


def test_the_gateway_stops_first():
    gateway = Unit("callscribe-gateway")
    assert "callscribe-workers.target" in gateway.all("After")
    for name in {*UNITS} - {"callscribe-gateway"}:
        assert Unit(name).one("Before") == "callscribe-workers.target"


@needs_systemd
@pytest.mark.parametrize("target", ["callscribe.target", "callscribe-workers.target"])
def test_what_is_enabled_has_an_order(target, tmp_path):
    directory = installed(tmp_path, sys.executable)
    for name in UNITS:
        wants = directory / f"{Unit(name).one('WantedBy')}.wants"
        wants.mkdir(exist_ok=True)
        (wants / f"{name}@9300.service").symlink_to(directory / f"{name}@.service")
    check = analyze(directory, "verify", "--man=no", target)
    ours = [line for line in check.stderr.splitlines() if "callscribe" in line]
    assert (check.returncode, ours) == (0, [])


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_every_line(name, tmp_path):
    directory = installed(tmp_path, sys.executable)
    check = analyze(directory, "verify", "--man=no", f"{name}@9300.service")
    ours = [line for line in check.stderr.splitlines() if "callscribe" in line]
    assert (check.returncode, ours) == (0, [])


@needs_systemd
def test_a_line_that_systemd_does_not_know_would_be_found(tmp_path):
    directory = installed(tmp_path, sys.executable)
    common = directory / "callscribe-.service.d" / "callscribe.conf"
    common.write_text(common.read_text() + "ProtectEverything=yes\n")
    check = analyze(directory, "verify", "--man=no", "callscribe-vad@9300.service")
    assert "ProtectEverything" in check.stderr


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_little_of_the_system_is_exposed(name, tmp_path):
    directory = installed(tmp_path, sys.executable)
    unit = str(directory / f"{name}@.service")
    shown = analyze(directory, "security", "--offline=true", unit).stdout
    (level,) = re.findall(r"exposure level for \S+ ([\d.]+) ", shown)
    assert float(level) < EXPOSURE


def test_the_page_shows_units_that_exist():
    page = (ROOT / "docs" / "systemd.md").read_text()
    told = set(re.findall(r"\b(callscribe-[\w-]+)@\d", page))
    assert told == {*UNITS}
    assert {path.name for path in DIRECTORY.glob("*.target")} == {
        "callscribe.target",
        "callscribe-workers.target",
    }
