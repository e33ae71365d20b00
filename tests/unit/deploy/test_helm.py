"""The chart: pods with the settings, ports and directories that the images have."""

import os
import re
import shlex
import subprocess
import tomllib
from typing import Any

import pytest
from ruamel.yaml import YAML

from callscribe import __version__
from common.bus.acl import METRICS as METRICS_USER
from common.settings import load, settings_classes
from deploy.helm import tools
from deploy.helm.generate import CHART, FOLDER
from tests.conftest import ROOT
from tests.documents import block
from tests.unit.deploy import compose
from tests.unit.deploy.sites import (
    DEFAULTS,
    SITES,
    WHOLE,
    container,
    named,
    of_kind,
    pod,
    rendered,
    services,
)
from tests.unit.deploy.sites import workloads as all_workloads

HOME = "/var/lib/callscribe"
WITH_PODS = [*all_workloads()]
SERVICES = [pair for pair in WITH_PODS if pair[1]["kind"] == "Deployment"]
OURS = [pair for pair in WITH_PODS if pair[1]["kind"] != "StatefulSet"]


@pytest.fixture(params=SERVICES, ids=named)
def deployment(request):
    return request.param


def environment(workload):
    """Return what the container gets; for what a secret holds, an example."""
    return {
        each["name"]: each.get("value", "redis://somewhere:6379/0")
        for each in container(workload)["env"]
    }


@pytest.mark.parametrize("name", WHOLE)
def test_helm_finds_nothing_to_say_of_a_site(name):
    done = tools.run(
        "helm", "lint", "--strict", str(CHART), "--values", f"{FOLDER}/sites/{name}.yaml"
    )
    assert done.returncode == 0, done.stdout
    assert "0 chart(s) failed" in done.stdout


def test_the_chart_is_packed_with_the_rules_and_the_dashboards(tmp_path):
    done = tools.run("helm", "package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    shown = tools.run(
        "helm",
        "template",
        "callscribe",
        str(tmp_path / f"callscribe-{__version__}.tgz"),
        "--namespace",
        "callscribe",
        "--values",
        f"{FOLDER}/sites/large.yaml",
    )
    assert shown.stdout.count("kind: PrometheusRule") == 2
    assert "grafana_dashboard" in shown.stdout


def test_the_release_of_the_chart_is_that_of_the_images():
    chart = YAML(typ="safe").load(CHART / "Chart.yaml")
    assert chart["version"] == chart["appVersion"] == __version__


def test_the_notes_say_what_to_do_next():
    done = tools.run(
        "helm",
        "install",
        "callscribe",
        str(CHART),
        "--dry-run=client",
        "--values",
        f"{FOLDER}/sites/small.yaml",
        "--namespace",
        "calls",
    )
    assert done.returncode == 0, done.stderr
    notes = done.stdout.partition("NOTES:")[2]
    assert "kubectl -n calls exec deploy/callscribe-vad -- callscribe keys create" in notes
    assert "https://calls.example.com" in notes


def test_the_printed_command_installs():
    (program, *arguments) = shlex.split(
        block("docs/kubernetes.md", "helm install").replace("\\\n", "")
    )
    there = [each.replace("deploy/", f"{ROOT}/deploy/") for each in arguments]
    done = tools.run(program, *there, "--dry-run=client")
    assert done.returncode == 0, done.stderr


def test_two_releases_share_no_name_and_no_pod():
    other = rendered("small", {}, release="night")
    assert {name for _, name in other} & {name for _, name in SITES["small"]} == set()
    assert all(name.startswith("night-callscribe") for _, name in other)
    selector = other["Deployment", "night-callscribe-vad"]["spec"]["selector"]["matchLabels"]
    assert selector != of_kind("small", "Deployment")["vad"]["spec"]["selector"]["matchLabels"]


def test_all_services_are_there_together():
    every = {name for site in SITES for name in of_kind(site, "Deployment")}
    assert every == set(settings_classes())
    for name in WHOLE:
        assert of_kind(name, "Deployment").keys() == services(name).keys()


def test_a_pod_is_found_by_its_labels(deployment):
    site, each = deployment
    (name,) = container(each)["args"]
    labels = each["spec"]["template"]["metadata"]["labels"]
    assert each["spec"]["selector"]["matchLabels"] == labels
    assert labels["app.kubernetes.io/component"] == name
    budget = of_kind(site, "PodDisruptionBudget")[name]["spec"]
    assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    spread = pod(each)["topologySpreadConstraints"]
    assert [part["labelSelector"]["matchLabels"] for part in spread] == [labels, labels]


def test_the_environment_is_accepted(deployment):
    _, each = deployment
    (name,) = container(each)["args"]
    env = environment(each)
    settings = load(settings_classes()[name], [], env)
    assert settings.redis_url.startswith(("redis://somewhere:6379/0", "rediss+cluster://redis."))
    assert settings.log_format == "json"
    # A gateway first waits until no balancer sends it calls; the kill comes a minute after a drain.
    before = 10 if name == "gateway" else 0
    grace = pod(each)["terminationGracePeriodSeconds"]
    assert grace == before + settings.drain_s + 60
    assert settings.drain_s == DEFAULTS[name]["drainS"]
    # The cluster's autoscaler waits 600 s at most for a pod that it evicts.
    safe = each["spec"]["template"]["metadata"].get("annotations", {})
    kept = safe.get("cluster-autoscaler.kubernetes.io/safe-to-evict") == "false"
    assert kept == (grace > 600) == (name == "gateway")
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
    (name,) = container(each)["args"]
    vllm = "vllm" in container(each)["image"]
    assert longest == (DEFAULTS[name]["startupS"] or (1800 if vllm else 300))
    assert longest < each["spec"]["progressDeadlineSeconds"]


@pytest.mark.parametrize(("given", "tries"), [(1, 1), (44, 9), (45, 9), (46, 10)])
def test_a_start_may_take_what_a_site_says(given, tries):
    vad = rendered("small", {"vad.startupS": given})["Deployment", "vad"]
    assert container(vad)["startupProbe"]["failureThreshold"] == tries


def test_a_gateway_gets_no_more_calls_before_it_drains():
    for site in SITES:
        for name, each in of_kind(site, "Deployment").items():
            waits = container(each).get("lifecycle", {}).get("preStop", {}).get("sleep")
            assert waits == ({"seconds": 10} if name == "gateway" else None)


@pytest.mark.parametrize("pair", WITH_PODS, ids=named)
def test_every_pod_is_restricted(pair):
    """Kubernetes' Pod Security Standard `restricted`, and a read-only root besides."""
    _, each = pair
    spec = pod(each)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"]
    # On OpenShift the namespace has its own users.
    own = spec["securityContext"].keys() & {"runAsUser", "runAsGroup", "fsGroup"}
    assert own == (set() if pair[0] == "openshift" else {"runAsUser", "runAsGroup", "fsGroup"})
    assert all(spec["securityContext"][each] > 0 for each in own)
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    kinds = {kind for volume in spec["volumes"] for kind in volume.keys() - {"name"}}
    assert kinds <= {"emptyDir", "secret", "persistentVolumeClaim"}
    for volume in spec["volumes"]:
        assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"]
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
    if pair[0] != "openshift":
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


def test_an_image_may_be_one_of_its_content_and_asked_for_each_time():
    digest = "sha256:" + "0f" * 32
    changes = {"images.digests": {"vad": digest}, "images.pullPolicy": "Always", "images.tag": "7"}
    changes |= {"redis.image": {"digest": digest}, "images.pullSecrets": ["registry"]}
    objects = rendered("small", changes)
    vad = container(objects["Deployment", "vad"])
    assert vad["image"] == f"registry.example.com/callscribe-vad:7@{digest}"
    assert vad["imagePullPolicy"] == "Always"
    gateway = objects["Deployment", "gateway"]
    assert container(gateway)["image"] == "registry.example.com/callscribe-gateway:7"
    assert pod(gateway)["imagePullSecrets"] == [{"name": "registry"}]
    server = container(objects["StatefulSet", "redis"])
    tag = DEFAULTS["redis"]["image"]["tag"]
    assert server["image"] == f"valkey/valkey:{tag}@{digest}"


def downloads(objects):
    """Return the job's name, and its containers."""
    ((name, job),) = [(n, each) for (kind, n), each in objects.items() if kind == "Job"]
    return name, pod(job)["containers"]


def test_the_models_are_those_that_the_job_downloads():
    _, containers = downloads(SITES["gpu"])
    directories = {each["command"][-1] for each in containers}
    deployments = of_kind("gpu", "Deployment")
    assert {
        environment(deployments["asr"])["CALLSCRIBE_ASR_MODEL"],
        environment(deployments["align"])["CALLSCRIBE_ALIGN_MODEL"],
    } == directories
    (job,) = of_kind("gpu", "Job").values()
    (claim,) = of_kind("gpu", "PersistentVolumeClaim").values()
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    for name in ("asr", "align"):
        assert environment(deployments[name])["HF_HUB_OFFLINE"] == "1"
        mounts = {one["name"]: one for one in container(deployments[name])["volumeMounts"]}
        assert mounts["models"]["readOnly"]
    for each in (job, deployments["asr"], deployments["align"]):
        (volume,) = [one for one in pod(each)["volumes"] if one["name"] == "models"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_a_job_stays_as_it_is_and_other_content_is_another_job():
    """A job is immutable: the next apply may change none, and none that is done may vanish."""
    name, _ = downloads(SITES["gpu"])
    assert downloads(rendered("gpu", {"gateway.replicas": 4}))[0] == name
    other: list[dict[str, Any]] = [
        {"asr.model": "Qwen/Qwen3-ASR-0.6B"},
        {"images.tag": "7"},
        {"align.enabled": False},
    ]
    assert len({name, *(downloads(rendered("gpu", each))[0] for each in other)}) == 4
    (job,) = of_kind("gpu", "Job").values()
    assert "ttlSecondsAfterFinished" not in job["spec"]


def test_what_is_complete_is_not_downloaded_again(tmp_path):
    _, (_, asr) = downloads(SITES["gpu"])
    shell, options, program, model, _ = asr["command"]
    (tmp_path / "hf").write_text('#!/bin/sh\necho "$@" >> "$0.log"; mkdir -p "$4"; exit $FAILS\n')
    (tmp_path / "hf").chmod(0o755)
    for fails in (1, 0, 0):
        done = subprocess.run(
            [shell, options, program, model, str(tmp_path / "weights")],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "FAILS": str(fails)},
            check=False,
        )
        assert done.returncode == fails
    asked = (tmp_path / "hf.log").read_text().splitlines()
    assert asked == [f"download {model} --local-dir {tmp_path / 'weights'}"] * 2


def test_the_ports_of_telephones_are_those_of_the_settings():
    service = of_kind("large", "Service")["gateway"]
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
    assert container(server)["image"] == composed["image"]
    (program,) = container(server)["command"][2:]
    for flag in ("--appendonly yes", "--appendfsync everysec", "--stream-node-max-bytes 16384"):
        assert flag in program
        assert flag.removeprefix("--") in " ".join(composed["entrypoint"])
    (claim,) = server["spec"]["volumeClaimTemplates"]
    mounts = {one["mountPath"]: one["name"] for one in container(server)["volumeMounts"]}
    assert mounts["/data"] == claim["metadata"]["name"]
    assert f"--user {METRICS_USER} " in str(rendered("small", USERS)["StatefulSet", "redis"])


USERS = {"redis.secret": None, "redis.userSecrets": "callscribe-redis"}


def test_the_bundled_redis_has_room_for_a_fork_and_is_not_the_first_to_go():
    changes = {
        "redis.memoryMb": 1000,
        "redis.priorityClassName": "high",
        "redis.nodeSelector": {"a": "b"},
    }
    objects = rendered("small", changes)
    server = objects["StatefulSet", "redis"]
    assert "--maxmemory 1000mb" in container(server)["command"][2]
    # A pod above what it asked for is the first that a node without memory evicts.
    resources = container(server)["resources"]
    assert resources["requests"]["memory"] == resources["limits"]["memory"] == "2256Mi"
    assert pod(server)["priorityClassName"] == "high"
    assert pod(server)["nodeSelector"] == {"a": "b"}
    budget = objects["PodDisruptionBudget", "redis"]["spec"]
    assert budget["maxUnavailable"] == 0
    assert budget["selector"]["matchLabels"] == server["spec"]["template"]["metadata"]["labels"]
