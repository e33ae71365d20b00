"""What `make` and the images install: neither PyTorch nor CUDA, unless a GPU is asked for."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
NO_DEPS = ["requirements-no-deps.txt", "tests/requirements-no-deps.txt"]
HUGE = re.compile(r"torch|triton|nvidia-|cuda-|onnxruntime-gpu")
"""How names of packages begin that are CUDA or bring it on Linux."""

FOR_GPUS = re.compile(r"vllm|gpu")

LINUX = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}
"""The platform where these packages are huge; whatever else markers ask for is as it is here."""


def required(requirement: Requirement) -> list[Requirement]:
    """Return what a requirement's distribution requires; nothing if it is not installed here."""
    name = canonicalize_name(requirement.name)
    if name == PROJECT["name"]:
        texts = [*PROJECT["dependencies"], *(t for e in requirement.extras for t in EXTRAS[e])]
        return [Requirement(text) for text in texts]
    try:
        every = [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:
        return []
    environments = [LINUX | {"extra": extra} for extra in ("", *requirement.extras)]
    return [
        each
        for each in every
        if not each.marker or any(each.marker.evaluate(where) for where in environments)
    ]


def closure(extra: str) -> set[str]:
    """Return the name of every distribution that an extra of ours brings."""
    waiting = [Requirement(f"{PROJECT['name']}[{extra}]")]
    met = set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key not in met:
            met.add(key)
            waiting += required(requirement)
    return {name for name, _ in met}


@pytest.mark.parametrize("extra", [each for each in EXTRAS if not FOR_GPUS.search(each)])
def test_only_what_is_for_gpus_brings_what_is_huge(extra):
    names = closure(extra)
    assert "numpy" in names
    assert [name for name in names if HUGE.match(name)] == []


def test_the_closure_follows_dependencies_of_dependencies():
    assert {"faster-whisper", "onnxruntime", "protobuf"} <= closure("dev")


@pytest.mark.parametrize("name", NO_DEPS)
def test_what_is_installed_without_its_requirements_is_in_no_extra(name):
    lines = (ROOT / name).read_text().splitlines()
    names = {Requirement(line).name for line in lines if not line.startswith("#")}
    assert names
    for extra in EXTRAS:
        assert not names & closure(extra)


def test_it_is_installed_so():
    commands = (ROOT / "Makefile").read_text().replace("\\\n", " ").splitlines()
    installs = [line for line in commands if "--requirement" in line and NO_DEPS[0] in line]
    assert installs
    assert all("--no-deps" in line for line in installs)
