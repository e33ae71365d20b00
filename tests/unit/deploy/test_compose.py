import re
import subprocess
import sys
import tomllib
from ipaddress import IPv4Address, IPv4Network
from itertools import product

import pytest

from asr_worker import engines
from callscribe.commands.stack_flags import usual_ports
from common.errors import SettingsError
from common.settings import PREFIX, definitions, load, merge, settings_classes
from gateway.settings import GatewaySettings
from tests.conftest import ROOT
from tests.documents import pages
from tests.unit.deploy import compose

FILE = compose.read({})
SERVICES = compose.services({})
CLASSES = settings_classes()
# Addresses inside a container are the file's own affair, and TLS is the proxy's in front.
FIXED_IN_A_CONTAINER = {
    "host",
    "admin_host",
    "metrics_host",
    "ssl_certfile",
    "ssl_keyfile",
    "generate_self_signed_cert",
    "self_signed_cert_dir",
    # An image has the libraries of one engine, that of its device.
    "vad_engine",
    "denoise_engine",
}
IMAGES = {
    *("NGINX_IMAGE", "HAPROXY_IMAGE", "REDIS_IMAGE", "PROMETHEUS_IMAGE", "ALERTMANAGER_IMAGE"),
    *("GRAFANA_IMAGE", "REDIS_EXPORTER_IMAGE", "NODE_EXPORTER_IMAGE", "DCGM_EXPORTER_IMAGE"),
}


def settings_class(service):
    (command,) = service["command"]
    return CLASSES[command]


def test_the_file_follows_the_compose_specification():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    command += [str(path) for path in (compose.FILE, compose.USERS, *compose.included())]
    check = subprocess.run(command, capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr


def test_every_file_of_the_folder_is_included():
    assert {*compose.included()} == {*(ROOT / "deploy" / "compose").iterdir()}


def test_every_service_of_the_product_is_there():
    assert {service["command"][0] for service in SERVICES.values()} == set(CLASSES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_can_be_set_and_nothing_else_is(name):
    cls = settings_class(SERVICES[name])
    variables = {each for each in SERVICES[name]["environment"] if each.startswith(PREFIX)}
    settings = definitions(cls)
    wanted = {settings[each].variable for each in settings.keys() - FIXED_IN_A_CONTAINER}
    assert not wanted - variables, "docker-compose.yml must pass these on"
    assert not variables - wanted, "not settings of this service"


@pytest.mark.parametrize("name", SERVICES)
def test_the_environment_is_accepted(name):
    env = {"CALLSCRIBE_LOG_LEVEL": "debug", "CALLSCRIBE_DRAIN_S": "90"}
    service = compose.services(env)[name]
    settings = load(settings_class(service), [], compose.environment(service, env))
    assert settings.log_level == "debug"
    assert settings.drain_s == 90
    assert settings.log_format == "json"
    assert settings.redis_url == f"redis://:{compose.PASSWORD}@redis:6379/0"
    assert service["stop_grace_period"] == "1m90s"


def test_the_drain_lasts_as_long_as_elsewhere_by_default():
    service = SERVICES["gateway"]
    cls = settings_class(service)
    drain_s = load(cls, [], compose.environment(service, {})).drain_s
    assert drain_s == load(cls, [], {}).drain_s
    assert service["stop_grace_period"] == f"1m{drain_s:g}s"


def test_interpolated_variables_are_settings():
    known = {each.variable for each in merge(CLASSES.values()).values()}
    assert {each for each in compose.variables() if each.startswith(PREFIX)} <= known


def test_every_extra_exists():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for service in SERVICES.values():
        assert service["build"]["args"]["EXTRA"] in extras["optional-dependencies"]
        assert ROOT / service["build"]["dockerfile"] == compose.DOCKERFILE


def test_any_number_of_each_can_run_on_one_host():
    alone = {"proxy", "haproxy", "nginx", "prometheus", "alertmanager", "grafana"}
    for name, service in FILE["services"].items():
        assert "container_name" not in service
        assert ("ports" in service) == (name in alone)
        assert name not in SERVICES or "hostname" not in service


def test_only_the_proxies_are_reached_from_other_machines():
    for name in ("prometheus", "alertmanager", "grafana"):
        assert all(each.startswith("127.0.0.1:") for each in FILE["services"][name]["ports"])


@pytest.mark.parametrize(
    ("variable", "plain"), [("TLS_PUBLISH", "127.0.0.1"), ("PUBLISH", "0.0.0.0")]
)
def test_tls_may_be_opened_to_others_without_the_other_ports(variable, plain):
    services = compose.read({variable: "0.0.0.0"})["services"]
    assert services["nginx"]["ports"] == ["0.0.0.0:443:443", "0.0.0.0:80:80"]
    for name in ("proxy", "haproxy"):
        assert all(each.startswith(f"{plain}:") for each in services[name]["ports"])


@pytest.mark.parametrize("variable", ["TLS_PUBLISH", "PUBLISH"])
def test_what_others_may_reach_is_open_to_all_only_where_that_is_said(variable):
    def no_auth(**env):
        given = compose.environment(compose.services(env)["gateway"], env)
        return load(GatewaySettings, [], given).no_auth

    assert no_auth()
    with pytest.raises(SettingsError, match=f"NO_AUTH: 'with {variable} say false or true' is not"):
        no_auth(**{variable: "0.0.0.0"})
    assert no_auth(**{variable: "0.0.0.0", "CALLSCRIBE_NO_AUTH": "true"})
    assert not no_auth(**{variable: "0.0.0.0", "CALLSCRIBE_NO_AUTH": "false"})


def test_containers_are_called_as_the_documents_say_whatever_the_folder_is_called():
    texts = [(ROOT / page).read_text() for page in pages()]
    named = re.findall(r"docker restart (\w+)-([a-z-]+)-1\b", "\n".join(texts))
    assert named
    for project, service in named:
        assert project == FILE["name"]
        assert service in FILE["services"]


def test_images_of_others_are_named_by_their_content_and_may_be_others():
    for name, service in FILE["services"].items():
        if "build" not in service:
            image, _, digest = service["image"].partition("@")
            assert re.search(r":v?\d+\.\d+", image), image
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest), name
    mine = compose.read(dict.fromkeys(IMAGES, "mine:1"))["services"].values()
    assert {each["image"] for each in mine if "build" not in each} == {"mine:1"}
    assert compose.variables() >= IMAGES


def test_images_of_ours_have_a_tag_that_can_be_chosen_and_are_built_once():
    chosen = {"COMPOSE_PROJECT_NAME": "second", "IMAGE_TAG": "0.1.0"}
    services = compose.read(chosen, compose.USERS)["services"]
    for name, service in compose.read({}, compose.USERS)["services"].items():
        if "build" in service:
            extra = service["build"]["args"]["EXTRA"]
            assert service["image"] == f"callscribe-{extra}:latest"
            assert services[name]["image"] == f"second-{extra}:0.1.0"


def test_every_container_has_a_limit_of_memory_and_is_started_again():
    once = {"certificate", "cluster", "operator"}
    for name, service in compose.read({}, compose.USERS)["services"].items():
        assert re.fullmatch(r"\d+[mg]", service["mem_limit"]), name
        assert service["restart"] == ("no" if name in once else "unless-stopped")
    chosen = compose.read({"ASR_MEMORY": "6g", "VLLM_MEMORY": "24g"})["services"]
    assert chosen["asr"]["mem_limit"] == "6g"
    assert chosen["align"]["mem_limit"] == chosen["asr-vllm"]["mem_limit"] == "24g"


def test_another_maxmemory_of_redis_needs_another_limit():
    def limit(**env):
        return compose.read(env)["services"]["redis"]["mem_limit"]

    assert limit() == "4g"
    assert limit(REDIS_MAXMEMORY="8gb", REDIS_MEMORY="16g") == "16g"
    assert limit(REDIS_MAXMEMORY="8gb") == "give REDIS_MEMORY twice REDIS_MAXMEMORY, not 4g"


def test_prometheus_keeps_what_it_has_for_a_time_and_in_a_space_that_can_be_chosen():
    def flags(**env):
        return dict(
            each.removeprefix("--storage.tsdb.retention.").split("=")
            for each in compose.read(env)["services"]["prometheus"]["command"]
            if "retention" in each
        )

    assert flags() == {"time": "30d", "size": "10GB"}
    chosen = flags(PROMETHEUS_RETENTION="90d", PROMETHEUS_DISK="50GB")
    assert chosen == {"time": "90d", "size": "50GB"}


@pytest.mark.parametrize("password", ["", "0123abcd"])
def test_grafana_starts_with_a_password_of_its_own_alone(tmp_path, password):
    service = compose.read({"GRAFANA_PASSWORD": password})["services"]["grafana"]
    started = tmp_path / "run.sh"
    started.write_text("#!/bin/sh\necho started\n")
    started.chmod(0o755)
    command = [each.replace("/run.sh", str(started)) for each in service["entrypoint"]]
    env = {"GF_SECURITY_ADMIN_PASSWORD": service["environment"]["GF_SECURITY_ADMIN_PASSWORD"]}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == bool(password)
    assert done.stdout == ("started\n" if password else "")
    assert bool(password) or "put GRAFANA_PASSWORD into .env" in done.stderr


def test_no_container_can_do_more_than_it_must():
    for service in FILE["services"].values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service


def test_what_a_service_waits_for_is_there():
    services = FILE["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in services[other]
            profiles = {*services[other].get("profiles", [])}
            optional = how.get("required") is False
            assert not profiles or optional or {*service["profiles"]} <= profiles, (name, other)


def test_networks_are_declared():
    used = {n for each in FILE["services"].values() for n in each.get("networks", {})}
    assert used == {*FILE["networks"]}


@pytest.mark.parametrize(
    ("env", "first"), [({}, "10.213.77"), ({"PROXY_NET": "192.168.9"}, "192.168.9")]
)
def test_the_proxies_lie_in_a_network_that_can_be_chosen_and_are_trusted_there(env, first):
    file = compose.read(env)
    (config,) = file["networks"]["proxy"]["ipam"]["config"]
    subnet, given = IPv4Network(config["subnet"]), IPv4Network(config["ip_range"])
    assert config["subnet"] == f"{first}.0/24"
    assert given.subnet_of(subnet)
    fixed = [
        each["networks"]["proxy"]["ipv4_address"]
        for each in file["services"].values()
        if isinstance(each.get("networks"), dict)
    ]
    trusted = file["services"]["gateway"]["environment"]["CALLSCRIBE_TRUSTED_PROXIES"].split(",")
    assert sorted(fixed) == sorted(trusted) == [f"{first}.{last}" for last in (3, 4, 5)]
    for each in (*fixed, config["gateway"]):
        assert IPv4Address(each) in subnet
        assert IPv4Address(each) not in given


def test_without_a_password_of_redis_nothing_starts():
    with pytest.raises(compose.Missing, match=r"REDIS_PASSWORD: put it into \.env"):
        compose.read({"REDIS_PASSWORD": ""})


def test_another_redis_takes_the_place_of_the_own_one():
    env = {"CALLSCRIBE_REDIS_URL": "redis+sentinel://:secret@a,b/main?sentinel_password=secret"}
    for service in compose.services(env).values():
        assert service["environment"]["CALLSCRIBE_REDIS_URL"] == env["CALLSCRIBE_REDIS_URL"]


@pytest.mark.parametrize("name", [n for n in FILE["services"] if re.match(r"redis($|-[1-6s])", n)])
def test_every_redis_keeps_what_it_has(name):
    service = FILE["services"][name]
    config = service["entrypoint"][2].splitlines()
    wanted = {"appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction"}
    assert wanted <= {*config}
    # Its address is that of its name, which stays when its container is made again.
    assert service["hostname"] == name
    assert service["volumes"] == [f"{name}:/data"]
    assert compose.PASSWORD not in " ".join(service["entrypoint"])
    other = compose.read({"REDIS_MAXMEMORY": "8gb"})["services"][name]
    assert "maxmemory 8gb" in other["entrypoint"][2].splitlines()


def test_prometheus_and_grafana_find_their_files():
    config = compose.load(compose.PROMETHEUS.read_text())
    assert config["rule_files"] == ["rules/*.yml"]
    (manager,) = config["alerting"]["alertmanagers"]
    (found,) = manager["dns_sd_configs"]
    assert found["names"] == ["alertmanager"]
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    (source,) = compose.load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = compose.load((provisioning / "dashboards/callscribe.yml").read_text())[
        "providers"
    ]
    mounts = dict(each.split(":")[:2] for each in FILE["services"]["grafana"]["volumes"])
    assert provider["options"]["path"] == mounts["./deploy/grafana/dashboards"]
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"


def test_the_gateway_stops_first_and_redis_last():
    workers = SERVICES.keys() - {"gateway"}
    assert workers <= SERVICES["gateway"]["depends_on"].keys()
    for service in SERVICES.values():
        assert service["depends_on"]["redis"] == {"condition": "service_healthy"}
    for name in workers:
        assert "gateway" not in SERVICES[name]["depends_on"]
        optional = SERVICES["gateway"]["depends_on"][name].get("required") is False
        assert optional == ("profiles" in SERVICES[name])


def test_health_checks_ask_the_port_that_the_service_listens_on():
    for service in SERVICES.values():
        own = service["environment"]
        port = own.get("CALLSCRIBE_METRICS_PORT") or own["CALLSCRIBE_PORT"]
        *python, program = service["healthcheck"]["test"]
        assert python == ["CMD", "python", "-c"]
        assert re.findall(r'"127\.0\.0\.1", (\d+)', program) == [port]
        assert '"/ready"' in program


def test_prometheus_asks_every_service_at_its_port():
    ports = {
        name: int(own.get("CALLSCRIBE_METRICS_PORT") or own["CALLSCRIBE_ADMIN_PORT"])
        for name, service in SERVICES.items()
        for own in [service["environment"]]
    }
    others = {"node-exporter": 9100, "dcgm-exporter": 9400}
    redis = {name: 6379 for name in FILE["services"] if re.match(r"redis($|-[1-6s])", name)}
    assert dict(compose.scrape_targets()) == ports | others | redis
    assert {*ports, *others, *redis} <= FILE["services"].keys()


def test_nobody_reaches_the_port_of_operators_from_the_host():
    port = SERVICES["gateway"]["environment"]["CALLSCRIBE_ADMIN_PORT"]
    for service in FILE["services"].values():
        assert all(each.rpartition(":")[2] != port for each in service.get("ports", ()))


def test_every_port_of_a_protocol_is_published_where_its_clients_expect_it():
    gateway = SERVICES["gateway"]
    for variable, port in usual_ports().items():
        assert gateway["environment"][variable] == port
        for proxy in ("proxy", "haproxy"):
            assert f"127.0.0.1:{port}:{port}" in FILE["services"][proxy]["ports"]
            moved = compose.read({variable: "7"})["services"][proxy]
            assert f"127.0.0.1:7:{port}" in moved["ports"]


def test_named_volumes_are_declared():
    file = compose.read({})
    mounts = [m for each in file["services"].values() for m in each.get("volumes", ())]
    sources = {mount.partition(":")[0] for mount in mounts}
    assert {each for each in sources if each[0] not in "./"} == set(file["volumes"])
    for each in sources:
        assert not each.startswith("./") or (ROOT / each).is_dir()


@pytest.mark.parametrize("name", ["asr", "asr-vllm"])
def test_the_engine_exists(name):
    assert SERVICES[name]["environment"]["CALLSCRIBE_ASR_ENGINE"] in engines.available()


def gpus(service):
    """Return the devices that a service is given."""
    (request,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert request["driver"] == "nvidia"
    assert request["capabilities"] == ["gpu"]
    # With a count Docker would give the first devices to each container.
    assert "count" not in request
    return request["device_ids"]


def test_a_worker_on_a_gpu_is_given_one_device():
    chosen = compose.services({"ASR_GPU": "2", "ALIGN_GPU": "3"})
    assert gpus(SERVICES["asr-vllm"]) == gpus(SERVICES["align"]) == ["0"]
    assert (gpus(chosen["asr-vllm"]), gpus(chosen["align"])) == (["2"], ["3"])


def test_vad_and_denoise_may_share_a_device_that_is_chosen_for_both():
    chosen = compose.services({"FILTER_GPU": "1"})
    for name in ("vad", "denoise"):
        assert gpus(chosen[f"{name}-gpu"]) == ["1"]
        env = chosen[f"{name}-gpu"]["environment"]
        on_cpu = {**SERVICES[name]["environment"]}
        device = f"CALLSCRIBE_{name.upper()}_DEVICE"
        assert (env[device], on_cpu[device]) == ("cuda", "cpu")
        assert env.keys() == on_cpu.keys()
        assert chosen[f"{name}-gpu"]["profiles"] == [f"{name}-gpu"]


def test_what_may_share_a_device_starts_one_after_the_other():
    filters, vllm = ["vad-gpu", "denoise-gpu"], ["asr-vllm", "align"]
    for before, name in [*product(filters, vllm), tuple(vllm)]:
        waits = SERVICES[name]["depends_on"][before]
        assert waits == {"condition": "service_healthy", "required": False}


def test_a_service_for_another_gpu_is_the_same_on_another_device():
    file = compose.load(compose.GPUS.read_text())["services"]
    waiting = file.pop("gateway")["depends_on"]
    assert waiting.keys() == file.keys()
    for name, service in file.items():
        assert waiting[name] == {"condition": "service_started", "required": False}
        base = service["extends"]
        assert ROOT / base["file"] == compose.FILE
        assert gpus(service) != gpus(SERVICES[base["service"]])
        # The name that Prometheus resolves.
        assert service["networks"] == {"default": {"aliases": [base["service"]]}}
    assert len({gpus(service)[0] for service in file.values()}) == len(file)


def test_what_vllm_writes_is_kept():
    image = compose.image_environment()
    for name in ("asr-vllm", "align"):
        (volume,) = SERVICES[name]["volumes"]
        assert image["TORCHINDUCTOR_CACHE_DIR"].startswith(volume.partition(":")[2] + "/")
        assert SERVICES[name]["read_only"]
