"""The files that name every worker: they are what the roles make, and a further role is in all."""

from typing import Any

import pytest
from ruamel.yaml import YAML

from callscribe.hosts.roles import ROLES, WORKERS, Gpu, Role
from common.pipeline.stages import NAMES
from common.settings import flag_parser, settings_classes
from deploy.roles.files import files, unit

COUNT = Role("count", "count", 9900, does="counts words", memory="1G", usual=False)


def read(made: str) -> Any:
    return YAML(typ="safe", pure=True).load(made)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_files_are_what_the_roles_make(path):
    assert files()[path] == path.read_text(), "python -m deploy.roles writes it anew"


def test_every_stage_has_a_role_and_every_role_a_service():
    assert {role.service for role in WORKERS} == {*NAMES}
    assert {role.service for role in ROLES.values()} == {*settings_classes()}


@pytest.mark.parametrize("role", WORKERS, ids=lambda role: role.name)
def test_the_flags_of_a_role_are_its_services(role):
    parser = flag_parser([settings_classes()[role.service]], prog="", service=role.service)
    given = {flag for flag in role.flags if flag.startswith("--")}
    assert given <= {*parser.flags}


@pytest.mark.parametrize("role", WORKERS, ids=lambda role: role.name)
def test_a_worker_has_a_limit_of_memory_unless_a_gpu_needs_more(role):
    assert ("MemoryMax=" in unit(role)) is (role.gpu is None) is bool(role.memory)
    assert ("AF_NETLINK" in unit(role)) is (role.gpu is Gpu.VLLM)


def test_a_further_role_is_in_every_file():
    made = {path.name: text for path, text in files((*WORKERS, COUNT)).items()}
    assert "callscribe count --metrics-port %i" in made["callscribe-count@.service"]
    gateway = read(made["docker-compose.yml"])["services"]["gateway"]
    assert gateway["depends_on"]["count"] == {"condition": "service_started", "required": False}
    (workers,) = (
        job
        for job in read(made["prometheus.yml"])["scrape_configs"]
        if job["job_name"] == "workers"
    )
    assert "count" in workers["dns_sd_configs"][0]["names"]
    users = read(made["redis-users.yml"])
    secret = {"source": "redis-count", "target": "/run/secrets/redis/count"}
    assert users["services"]["count"]["secrets"] == [secret]
    assert users["secrets"]["redis-count"] == {"file": "./deploy/secrets/redis/count"}
    assert "services: [gateway, vad, denoise, asr, align, count]" in made["_product.tpl"]
