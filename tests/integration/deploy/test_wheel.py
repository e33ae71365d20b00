"""The wheel that images install: two builds of one source have the same bytes."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.unit.deploy import compose

pytest.importorskip("setuptools", minversion="77", reason="make test installs it")

OTHER_TIME = 1_000_000_000


def source(directory: Path) -> Path:
    """Copy what .dockerignore admits."""
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line.startswith("!"):
            continue
        name = line.removeprefix("!")
        if (ROOT / name).is_dir():
            without = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, directory / name, ignore=without)
        else:
            shutil.copy(ROOT / name, directory / name)
    return directory


def built(directory: Path) -> Path:
    """Build as the Dockerfile does."""
    text = compose.DOCKERFILE.read_text()
    (command,) = re.findall(r"&& pip wheel (.+) --wheel-dir /wheel \. \\$", text, re.MULTILINE)
    (epoch,) = re.findall(r"^ARG SOURCE_DATE_EPOCH=(\d+)$", text, re.MULTILINE)
    env = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    arguments = [*command.split(), "--quiet", "--wheel-dir", "../wheel", "."]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *arguments],
        cwd=directory,
        env=env,
        umask=0o022,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (directory.parent / "wheel").iterdir()
    return wheel


@pytest.mark.timeout(240)
def test_it_is_the_same_whenever_it_is_built(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name / "source").mkdir(parents=True)
    one = source(tmp_path / "one" / "source")
    other = source(tmp_path / "other" / "source")
    for path in sorted(other.rglob("*"), reverse=True):
        os.utime(path, (OTHER_TIME, OTHER_TIME))
    wheels = [built(each) for each in (one, other)]
    digests = {hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels}
    assert len(digests) == 1
    names = zipfile.ZipFile(wheels[0]).namelist()
    assert "callscribe/_services/gateway/http/assets/index.html" in names
    assert {each.partition("/")[0] for each in names} == {
        "callscribe",
        "callscribe-0.1.0.dist-info",
    }
