"""deploy/kubernetes: pods with the settings, ports and directories that the images have."""

import re
import tomllib

import pytest
from ruamel.yaml import YAML

from callscribe import __version__
from common.settings import load, settings_classes
from deploy.kubernetes import __main__ as command
from deploy.kubernetes import redis, workloads
from deploy.kubernetes.values import Gateway
from tests.conftest import ROOT
from tests.unit.deploy import compose
from tests.unit.deploy.sites import FILES, SITES, VALUES, named, of_kind, pod
from tests.unit.deploy.sites import workloads as all_workloads

HOME = "/var/lib/callscribe"
WITH_PODS = [*all_workloads()]
SERVICES = [pair for pair in WITH_PODS if pair[1]["kind"] == "Deployment"]
OURS = [pair for pair in WITH_PODS if pair[1]["kind"] != "StatefulSet"]


@pytest.fixture(params=SERVICES, ids=named)
def deployment(request):
    return request.param


def container(workload):
    (only,) = pod(workload)["containers"]
    return only


def environment(workload):
    """Return what the container gets; for what a secret holds, an example."""
    return {
        each["name"]: each.get("value", "redis://somewhere:6379/0")
        for each in container(workload)["env"]
    }


@pytest.mark.parametrize("name", FILES)
def test_what_is_printed_is_read_as_what_was_meant(name, capsys):
    assert command.main([str(FILES[name])]) == 0
    printed = YAML(typ="safe", pure=True).load_all(capsys.readouterr().out)
    assert [*printed] == SITES[name]


def test_no_two_objects_have_one_name():
    for objects in SITES.values():
        names = [(each["kind"], each["metadata"]["name"]) for each in objects]
        assert len({*names}) == len(names)


def test_all_services_are_there_together():
    every = {each["metadata"]["name"] for _, each in SERVICES}
    assert every == set(settings_classes())
    for name, values in VALUES.items():
        assert of_kind(name, "Deployment").keys() == values.services().keys()


def test_a_pod_is_found_by_its_labels(deployment):
    site, each = deployment
    name = each["metadata"]["name"]
    labels = each["spec"]["template"]["metadata"]["labels"]
    assert each["spec"]["selector"]["matchLabels"] == labels
    assert labels["app.kubernetes.io/name"] == name
    budget = of_kind(site, "PodDisruptionBudget")[name]["spec"]
    assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    spread = pod(each)["topologySpreadConstraints"]
    assert [part["labelSelector"]["matchLabels"] for part in spread] == [labels, labels]


def test_the_environment_is_accepted(deployment):
    site, each = deployment
    (name,) = container(each)["args"]
    env = environment(each)
    settings = load(settings_classes()[name], [], env)
    assert settings.redis_url.startswith(VALUES[site].redis.url or "redis://somewhere:6379/0")
    assert settings.log_format == "json"
    service = VALUES[site].services()[name]
    before = workloads.PRE_STOP_S if isinstance(service, Gateway) else 0
    grace = pod(each)["terminationGracePeriodSeconds"]
    assert grace == before + settings.drain_s + workloads.LAST_S
    assert settings.drain_s == service.drain_s
    assert env["OMP_NUM_THREADS"] == env["OPENBLAS_NUM_THREADS"] == "1"
    # A service named callscribe would set variables that look like misspelt settings.
    assert pod(each)["enableServiceLinks"] is False


def test_the_probes_ask_the_port_that_the_process_listens_on(deployment):
    _, each = deployment
    ports = {one["name"]: one["containerPort"] for one in container(each)["ports"]}
    env = environment(each)
    own = env.get("CALLSCRIBE_METRICS_PORT") or env["CALLSCRIBE_PORT"]
    gateway = "http" in ports
    assert ports["http" if gateway else "metrics"] == int(own)
    assert str(ports.get("admin")) == env.get("CALLSCRIBE_ADMIN_PORT", "None")
    paths = {"readinessProbe": "/ready", "livenessProbe": "/health"}
    paths["startupProbe"] = "/health" if gateway else "/ready"
    for probe, path in paths.items():
        asked = container(each)[probe]["httpGet"]
        assert asked == {"path": path, "port": "http" if gateway else "metrics"}
    startup = container(each)["startupProbe"]
    longest = startup["periodSeconds"] * startup["failureThreshold"]
    assert longest < each["spec"]["progressDeadlineSeconds"]


def test_a_gateway_gets_no_more_calls_before_it_drains():
    for site in SITES:
        for name, each in of_kind(site, "Deployment").items():
            waits = container(each).get("lifecycle", {}).get("preStop", {}).get("sleep")
            assert waits == ({"seconds": workloads.PRE_STOP_S} if name == "gateway" else None)


@pytest.mark.parametrize("pair", WITH_PODS, ids=named)
def test_every_pod_is_restricted(pair):
    """Kubernetes' Pod Security Standard `restricted`, and a read-only root besides."""
    _, each = pair
    spec = pod(each)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    kinds = {kind for volume in spec["volumes"] for kind in volume.keys() - {"name"}}
    assert kinds <= {"emptyDir", "secret", "persistentVolumeClaim"}
    for one in spec["containers"]:
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in one["resources"]["limits"]
        volumes = {volume["name"] for volume in spec["volumes"]}
        claims = {each["metadata"]["name"] for each in each["spec"].get("volumeClaimTemplates", ())}
        assert {mount["name"] for mount in one["volumeMounts"]} == volumes | claims


@pytest.mark.parametrize("pair", OURS, ids=named)
def test_the_user_and_the_directories_are_those_of_the_image(pair):
    ((uid, home),) = re.findall(
        r"useradd --uid (\d+) --home-dir (\S+)", compose.DOCKERFILE.read_text()
    )
    assert home == HOME
    spec = pod(pair[1])
    assert spec["securityContext"]["runAsUser"] == int(uid)
    for one in spec["containers"]:
        mounts = {mount["mountPath"]: mount for mount in one["volumeMounts"]}
        assert {HOME, "/tmp"} <= mounts.keys()


@pytest.mark.parametrize("pair", OURS, ids=named)
def test_the_images_are_those_that_the_dockerfile_makes(pair):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    for one in pod(pair[1])["containers"]:
        ((extra, tag),) = re.findall(
            r"^registry\.example\.com/callscribe-([\w-]+):(.+)$", one["image"]
        )
        assert extra in extras
        assert tag == __version__


def test_a_worker_on_a_gpu_has_one_and_needs_no_spare_one():
    deployments = of_kind("gpu", "Deployment")
    for name, each in deployments.items():
        gpu = name in ("asr", "align", "denoise")
        assert container(each)["resources"]["limits"].get("nvidia.com/gpu", 0) == gpu
        assert each["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == (0 if gpu else 1)
        assert ("tolerations" in pod(each)) == gpu


def test_denoise_on_a_gpu_has_the_image_for_it_and_vad_on_the_cpu_its_own():
    deployments = of_kind("gpu", "Deployment")
    for name, extra, device in (("denoise", "gpu", "cuda"), ("vad", "vad", "cpu")):
        assert f"/callscribe-{extra}:" in container(deployments[name])["image"]
        assert environment(deployments[name])[f"CALLSCRIBE_{name.upper()}_DEVICE"] == device


def test_a_recogniser_on_cpus_decodes_on_the_cores_that_it_asks_for():
    (asr,) = [each for name, each in of_kind("small", "Deployment").items() if name == "asr"]
    asked = container(asr)["resources"]["requests"]["cpu"]
    assert environment(asr)["CALLSCRIBE_ASR_CONCURRENCY"] == asked


def test_the_models_are_those_that_the_job_downloads():
    (job,) = of_kind("gpu", "Job").values()
    downloads = [each["command"] for each in pod(job)["containers"]]
    assert all(command[:2] == ["hf", "download"] for command in downloads)
    directories = {command[command.index("--local-dir") + 1] for command in downloads}
    deployments = of_kind("gpu", "Deployment")
    assert {
        environment(deployments["asr"])["CALLSCRIBE_ASR_MODEL"],
        environment(deployments["align"])["CALLSCRIBE_ALIGN_MODEL"],
    } == directories
    for name in ("asr", "align"):
        assert environment(deployments[name])["HF_HUB_OFFLINE"] == "1"
        mounts = {one["name"]: one for one in container(deployments[name])["volumeMounts"]}
        assert mounts["models"]["readOnly"]
    (claim,) = of_kind("gpu", "PersistentVolumeClaim")
    for each in (job, deployments["asr"], deployments["align"]):
        (volume,) = [one for one in pod(each)["volumes"] if one["name"] == "models"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim


def test_the_ports_of_telephones_are_those_of_the_settings():
    (service,) = of_kind("large", "Service").values()
    ports = {each["name"]: each["port"] for each in service["spec"]["ports"]}
    assert ports == {"http": 8000, "vosk": 2700, "audiosocket": 9092}
    gateway = of_kind("large", "Deployment")["gateway"]
    own = {each["name"]: each["containerPort"] for each in container(gateway)["ports"]}
    assert own == {**ports, "admin": 9101}
    env = environment(gateway)
    assert (env["CALLSCRIBE_VOSK_PORT"], env["CALLSCRIBE_AUDIOSOCKET_PORT"]) == ("2700", "9092")


def test_the_bundled_redis_is_that_of_compose():
    composed = compose.read({})["services"]["redis"]
    (server,) = of_kind("small", "StatefulSet").values()
    assert container(server)["image"] == composed["image"] == redis.IMAGE
    (program,) = container(server)["command"][2:]
    for flag in ("--appendonly yes", "--appendfsync everysec", "--stream-node-max-bytes 16384"):
        assert flag in program
        assert flag.removeprefix("--") in " ".join(composed["entrypoint"])
    (claim,) = server["spec"]["volumeClaimTemplates"]
    mounts = {one["mountPath"]: one["name"] for one in container(server)["volumeMounts"]}
    assert mounts["/data"] == claim["metadata"]["name"]
