"""deploy/locks: what images are installed from. `make lock` writes them."""

import json
import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import ROOT
from tests.unit.deploy import compose
from tests.unit.deploy.test_installation import EXTRAS, HUGE, PROJECT, closure

LOCKS = ROOT / "deploy" / "locks"
IMAGES = sorted({each["build"]["args"]["EXTRA"] for each in compose.services({}).values()})
OTHERS = ["build", "no-deps", "sbom"]
PIN = re.compile(r"([\w.-]+)==([\w.!+-]+) \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
OLDEST = "3.11.2"
"""Python of Debian 12, which what is locked has to run on as well."""
IMAGE = {
    "python_version": "3.11",
    "python_full_version": OLDEST,
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}


def lines(name):
    return (LOCKS / f"{name}.txt").read_text().splitlines()


def pins(name):
    found = [PIN.fullmatch(line) for line in lines(name)]
    return {canonicalize_name(each[1]): Version(each[2]) for each in found if each}


def unmet(requirements, pinned):
    """Return the requirements that hold in an image and that the pins do not meet."""
    wanted = [Requirement(text) for text in requirements]
    return [
        str(each)
        for each in wanted
        if (not each.marker or each.marker.evaluate(IMAGE))
        and (
            (version := pinned.get(canonicalize_name(each.name))) is None
            or version not in each.specifier
        )
    ]


def listed(path):
    """Return the requirements of a requirements file."""
    stripped = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [each for each in stripped if each]


def test_every_image_has_a_lock_and_no_other_does():
    assert sorted(path.stem for path in LOCKS.glob("*.txt")) == sorted([*IMAGES, *OTHERS])


@pytest.mark.parametrize("name", [*IMAGES, *OTHERS])
def test_a_lock_is_versions_with_hashes_and_nothing_else(name):
    pinned = None
    for line in lines(name):
        if PIN.fullmatch(line):
            assert pinned != 0, "a version without a hash"
            pinned = 0
        else:
            # No address, no option: a lock does not say where a package comes from.
            assert HASH.fullmatch(line), line
            assert pinned is not None
            pinned += 1
    assert pinned


@pytest.mark.parametrize("image", IMAGES)
def test_a_lock_meets_what_the_project_asks_for(image):
    assert unmet([*PROJECT["dependencies"], *EXTRAS[image]], pins(image)) == []


def test_the_other_locks_meet_their_inputs():
    assert unmet(listed(ROOT / "requirements-no-deps.txt"), pins("no-deps")) == []
    for name in ("build", "sbom"):
        assert unmet(listed(LOCKS / f"{name}.in"), pins(name)) == []
    project = (ROOT / "pyproject.toml").read_text()
    (backend,) = re.findall(r'^requires = \["(.+)"\]$', project, re.MULTILINE)
    assert unmet([backend], pins("build")) == []


def test_what_is_not_met_is_found():
    pinned = {"msgpack": Version("1.0")}
    assert unmet(["msgpack>=1.1", "absent"], pinned) == ["msgpack>=1.1", "absent"]
    assert unmet(["msgpack", "absent; sys_platform == 'win32'"], pinned) == []


def test_the_gateway_can_send_spans():
    """Without the packages a gateway with --otlp-endpoint does not start."""
    assert unmet(EXTRAS["otel"], pins("gateway")) == []


@pytest.mark.parametrize("image", [each for each in IMAGES if "vllm" not in each])
def test_a_lock_holds_what_its_packages_need(image):
    # What the packages that are installed here require; a lock may have newer ones that need less.
    assert closure(image) - {PROJECT["name"]} - pins(image).keys() == set()


@pytest.mark.parametrize("image", IMAGES)
def test_only_images_for_gpus_have_what_is_huge(image):
    huge = [name for name in pins(image) if HUGE.match(name)]
    assert bool(huge) == (image in ("asr-vllm", "gpu"))


def test_one_machine_needs_one_pytorch():
    assert pins("gpu")["torch"] == pins("asr-vllm")["torch"]


def test_images_are_installed_from_locks_alone():
    commands = compose.DOCKERFILE.read_text().replace("\\\n", " ").splitlines()
    installs = [
        part
        for line in commands
        if line.startswith("RUN ")
        for part in re.split(r"&&|;", line)
        if " install " in part and "apt-get" not in part
    ]
    assert len(installs) == 4
    for each in installs:
        locked = "--require-hashes" in each and "deploy/locks/" in each
        assert locked or {"--no-index", "--no-deps"} <= {*each.split()}, each
        assert "--no-deps" in each or "locks/no-deps.txt" not in each


def test_the_base_of_images_is_named_by_its_digest_and_has_a_python_that_the_locks_allow():
    text = compose.DOCKERFILE.read_text()
    (version,) = re.findall(r"^ARG PYTHON=([\d.]+)-\S+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert Version(version).release[:2] == Version(OLDEST).release[:2]
    assert Version(version) >= Version(OLDEST)
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"python:${PYTHON}"}
    (locked,) = re.findall(r"--python-version (\S+)", (ROOT / "Makefile").read_text())
    assert locked == OLDEST


def test_make_locks_every_image():
    (extras,) = re.findall(r"for extra in (.+); do", (ROOT / "Makefile").read_text())
    assert sorted(extras.split()) == IMAGES


@pytest.mark.parametrize("path", ["clients", "tests/clients"])
def test_a_lock_of_npm_names_no_registry_and_every_hash(path):
    text = (ROOT / path / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    fetched = {
        name: each
        for name, each in packages.items()
        if "node_modules/" in name and not each.get("link")
    }
    assert fetched
    assert [name for name, each in fetched.items() if "integrity" not in each] == []
    sources = {each["resolved"] for each in fetched.values() if "resolved" in each}
    assert sources == set()
