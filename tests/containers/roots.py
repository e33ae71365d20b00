"""File systems of Debian's packages in place of images: no registry is reached.

The base of the product's images is Debian 12 with its Python. Redis, the proxies and what watches
are Debian 13's programs, and so is Compose. All of them are kept in build/containers.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from configparser import ConfigParser
from pathlib import Path

from tests.conftest import ROOT

CACHE = ROOT / "build" / "containers"
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_KEYRINGS = Path("/usr/share/keyrings")
_NEWER = "trixie"

_PYTHON = ("bookworm", ("ca-certificates", "python3", "python3-pip", "python3-venv"))
_SERVERS = (
    _NEWER,
    (
        *("curl", "wget", "haproxy", "libnginx-mod-stream", "nginx-light"),
        *("prometheus", "prometheus-alertmanager", "prometheus-node-exporter"),
        *("prometheus-redis-exporter", "valkey-server", "valkey-tools"),
    ),
)
_WITHOUT = ("doc", "locale", "man")
"""Folders of /usr/share that no container needs."""


def python_root() -> Path:
    """Return the archive of a file system with Python; make it if there is none."""
    return _root(*_PYTHON)


def servers_root() -> Path:
    """Return the archive of a file system with every other program; make it if there is none."""
    return _root(*_SERVERS)


def _root(suite: str, packages: Sequence[str]) -> Path:
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--keyring={_KEYRINGS}"]
    command += [f"--include={','.join(packages)}", "--dpkgopt=force-unsafe-io"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in _WITHOUT]
    recipe = hashlib.sha256(json.dumps([suite, command]).encode()).hexdigest()
    archive = CACHE / f"{suite}-{recipe[:12]}.tar"
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        begun = archive.with_suffix(".begun.tar")
        _run([*command, suite, str(begun)])
        begun.rename(archive)
        for older in CACHE.glob(f"{suite}-*.tar"):
            if older != archive:
                older.unlink()
    return archive


def compose_plugin() -> Path:
    """Return the program that adds `compose` to `docker`: version 2, of Debian 13."""
    folder = CACHE / "compose"
    program = folder / "usr" / "libexec" / "docker" / "cli-plugins" / "docker-compose"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            _download("docker-compose", Path(name))
            (package,) = Path(name).glob("*.deb")
            _run(["dpkg-deb", "--extract", str(package), str(folder)])
    return program


def _download(package: str, folder: Path) -> None:
    """Download a package of the newer Debian without a change of this machine's sources."""
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True)
    source = folder / "sources.list"
    signed = f"[signed-by={_KEYRINGS}/debian-archive-{_NEWER}-automatic.gpg]"
    source.write_text(f"deb {signed} http://deb.debian.org/debian {_NEWER} main\n")
    places = {
        "Dir::Etc::sourcelist": source,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": lists,
        "Dir::Cache": folder,
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "--quiet=2", *(f"--option={name}={at}" for name, at in places.items())]
    _run([*apt, "update"])
    _run([*apt, "download", package], cwd=folder)


def machine_files(folder: Path) -> None:
    """Write what a build needs of this machine to reach its package index.

    That is which authorities it trusts, and the address of the index if it has one of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_BUNDLE, folder / _BUNDLE.name)
    index = _index(os.environ)
    pip = f"[global]\ncert = {_BUNDLE}\n"
    (folder / "pip.conf").write_text(pip + (f"index-url = {index}\n" if index else ""))
    uv = f'[[index]]\nurl = "{index}"\ndefault = true\n'
    (folder / "uv.toml").write_text(uv if index else "")


def _index(env: Mapping[str, str]) -> str | None:
    """Return the address of the machine's package index; None if it is the usual one."""
    if given := env.get("PIP_INDEX_URL"):
        return given
    config = ConfigParser(interpolation=None)
    config.read(["/etc/pip.conf", Path.home() / ".config" / "pip" / "pip.conf"])
    return config.get("global", "index-url", fallback=None)


def _run(command: Sequence[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
