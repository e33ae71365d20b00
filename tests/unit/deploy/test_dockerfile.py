import re
import shlex
import subprocess
import sysconfig
import tomllib
from pathlib import Path

from tests.conftest import ROOT
from tests.unit.deploy import compose


def test_the_linter_finds_nothing():
    hadolint = Path(sysconfig.get_path("scripts"), "hadolint")
    check = subprocess.run(
        [hadolint, compose.DOCKERFILE], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stdout + check.stderr


def test_the_build_sees_what_the_distribution_is_made_of_and_nothing_else():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    admitted = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (services,) = re.findall(
        r"^SERVICES = \((.+)\)$", (ROOT / "setup.py").read_text(), re.MULTILINE
    )
    packages = {"callscribe", *re.findall(r'"(\w+)"', services)}
    files = {
        "pyproject.toml",
        "setup.py",
        project["project"]["readme"],
        *project["project"]["license-files"],
    }
    assert admitted == {*packages, *files, *copied()}
    assert all((ROOT / each).exists() for each in admitted)


def copied():
    """Return the single files that the Dockerfile copies from the checkout."""
    lines = compose.DOCKERFILE.read_text().splitlines()
    copies = [shlex.split(line)[1:-1] for line in lines if line.startswith("COPY ")]
    return {each for sources in copies for each in sources if not each.startswith(("--", "/", "."))}
