"""deploy/kubernetes: the workers on GPUs, with the settings and directories that the image has."""

import re

import pytest
from ruamel.yaml import YAML

from callscribe import __version__
from common.settings import load, settings_classes
from tests.conftest import ROOT
from tests.unit.deploy import compose

DIRECTORY = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION = compose.load((DIRECTORY / "kustomization.yaml").read_text())
OBJECTS = {
    (each["kind"], each["metadata"]["name"]): each
    for name in KUSTOMIZATION["resources"]
    for each in YAML(typ="safe", pure=True).load_all((DIRECTORY / name).read_text())
}
WORKERS = [each for (kind, _), each in OBJECTS.items() if kind == "Deployment"]
JOB = OBJECTS["Job", "callscribe-models"]
HOME = "/var/lib/callscribe"


@pytest.fixture(params=WORKERS, ids=lambda each: each["metadata"]["name"])
def worker(request):
    return request.param


def pod(workload):
    return workload["spec"]["template"]["spec"]


def container(workload):
    (only,) = pod(workload)["containers"]
    return only


def environment(workload):
    """Return what the container gets; for what a secret holds, an example."""
    return {
        each["name"]: each.get("value", "redis://somewhere:6379/0")
        for each in container(workload)["env"]
    }


def test_every_file_is_applied():
    files = {path.name for path in DIRECTORY.iterdir()} - {"kustomization.yaml"}
    assert set(KUSTOMIZATION["resources"]) == files


def test_every_worker_is_found_by_its_name(worker):
    name = worker["metadata"]["name"]
    labels = worker["spec"]["template"]["metadata"]["labels"]
    assert worker["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels == worker["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == name
    assert name in compose.services({})


def test_the_environment_is_accepted(worker):
    (command,) = container(worker)["args"]
    env = environment(worker)
    settings = load(settings_classes()[command], [], env)
    assert settings.redis_url == "redis://somewhere:6379/0"
    assert settings.drain_s + 60 == pod(worker)["terminationGracePeriodSeconds"]
    (service,) = [
        each
        for name, each in compose.services({}).items()
        if name == worker["metadata"]["name"] and each["command"] == [command]
    ]
    composed = compose.environment(service, {})
    same = composed.keys() & env.keys() - {"CALLSCRIBE_REDIS_URL"}
    assert {name: env[name] for name in same} == {name: composed[name] for name in same}
    assert {"OMP_NUM_THREADS", "CALLSCRIBE_LOG_FORMAT"} <= same
    # A service named callscribe would set variables that look like misspelt settings.
    assert pod(worker)["enableServiceLinks"] is False


def test_the_probes_ask_the_port_that_the_worker_listens_on(worker):
    (port,) = container(worker)["ports"]
    assert str(port["containerPort"]) == environment(worker)["CALLSCRIBE_METRICS_PORT"]
    paths = {"startupProbe": "/ready", "readinessProbe": "/ready", "livenessProbe": "/health"}
    for probe, path in paths.items():
        assert container(worker)[probe]["httpGet"] == {"path": path, "port": port["name"]}
    startup = container(worker)["startupProbe"]
    longest = startup["periodSeconds"] * startup["failureThreshold"]
    assert longest < worker["spec"]["progressDeadlineSeconds"]


def test_a_replica_has_one_gpu_and_none_is_spare(worker):
    assert container(worker)["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert worker["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0


@pytest.mark.parametrize("workload", [*WORKERS, JOB], ids=lambda each: each["metadata"]["name"])
def test_nothing_runs_as_root_or_writes_outside_its_volumes(workload):
    (uid,) = re.findall(r"useradd --uid (\d+) --home-dir (\S+)", compose.DOCKERFILE.read_text())
    assert uid[1] == HOME
    security = pod(workload)["securityContext"]
    assert security["runAsNonRoot"]
    assert {security[each] for each in ("runAsUser", "runAsGroup", "fsGroup")} == {int(uid[0])}
    volumes = {each["name"]: each for each in pod(workload)["volumes"]}
    for each in pod(workload)["containers"]:
        assert each["securityContext"]["readOnlyRootFilesystem"]
        assert each["securityContext"]["allowPrivilegeEscalation"] is False
        assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        mounts = {mount["mountPath"]: mount for mount in each["volumeMounts"]}
        assert mounts.keys() == {"/models", HOME, "/tmp"}
        assert "emptyDir" in volumes[mounts[HOME]["name"]]
        assert "emptyDir" in volumes[mounts["/tmp"]["name"]]
        claim = volumes[mounts["/models"]["name"]]["persistentVolumeClaim"]["claimName"]
        assert ("PersistentVolumeClaim", claim) in OBJECTS
        assert mounts["/models"].get("readOnly", False) == (workload is not JOB)


def test_the_models_are_those_that_the_job_downloads():
    downloads = [each["command"] for each in pod(JOB)["containers"]]
    assert all(command[:2] == ["hf", "download"] for command in downloads)
    directories = {command[command.index("--local-dir") + 1] for command in downloads}
    named = {
        value
        for worker in WORKERS
        for name, value in environment(worker).items()
        if name.endswith("_MODEL")
    }
    assert named == directories
    assert all(environment(worker)["HF_HUB_OFFLINE"] == "1" for worker in WORKERS)


def test_all_containers_are_of_the_image_that_the_kustomization_places():
    images = {each["image"] for workload in [*WORKERS, JOB] for each in pod(workload)["containers"]}
    assert images == {each["name"] for each in KUSTOMIZATION["images"]}
    assert {each["newTag"] for each in KUSTOMIZATION["images"]} == {__version__}
