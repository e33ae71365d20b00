"""Where unmodified clients run: an environment for each requirements file, and Node's modules.

``python -m tests.clients.environments [<name>...]`` installs what is missing or out of date. A
name is that of a requirements file, or `node`. The tests install nothing.
"""

import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

_ENVIRONMENTS = ROOT / ".venv-clients"
_MODULES = HERE / "node_modules"
_NODE = "node"


class NotInstalled(Exception):
    """The environment is missing or out of date; the message says what installs it."""


def names() -> list[str]:
    """Return the names of all environments."""
    files = HERE.glob("requirements-*.txt")
    return [*sorted(path.stem.removeprefix("requirements-") for path in files), _NODE]


def python(name: str) -> Path:
    """Return the interpreter of an environment. Raises NotInstalled."""
    _check(name)
    return _ENVIRONMENTS / name / "bin" / "python"


def node() -> Path:
    """Return Node, whose modules are in this directory. Raises NotInstalled."""
    found = shutil.which("node")
    if found is None:
        raise NotInstalled("node is not on the PATH")
    _check(_NODE)
    return Path(found)


def install(name: str) -> None:
    """Make an environment anew. Raises CalledProcessError, or NotInstalled without npm."""
    if name == _NODE:
        npm = shutil.which("npm")
        if npm is None:
            raise NotInstalled("npm is not on the PATH")
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True)
    else:
        place = _ENVIRONMENTS / name
        venv.create(place, clear=True, with_pip=True)
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--requirement", str(_wanted(name))], check=True)
    shutil.copyfile(_wanted(name), _stamp(name))


def _wanted(name: str) -> Path:
    """Return the file that says what an environment needs."""
    return HERE / ("package-lock.json" if name == _NODE else f"requirements-{name}.txt")


def _stamp(name: str) -> Path:
    """Return where an environment keeps a copy of what it was made from."""
    return (_MODULES if name == _NODE else _ENVIRONMENTS / name) / "installed-from"


def _is_current(name: str) -> bool:
    stamp = _stamp(name)
    return stamp.exists() and stamp.read_bytes() == _wanted(name).read_bytes()


def _check(name: str) -> None:
    if not _is_current(name):
        raise NotInstalled(f"the clients of {name!r} are not installed: make test-clients does it")


def main(wanted: Iterable[str]) -> int:
    """Install what is missing; return the exit code."""
    for name in wanted:
        if not _is_current(name):
            print(f"installing the clients of {name!r}", flush=True)
            try:
                install(name)
            except (NotInstalled, subprocess.CalledProcessError) as error:
                print(f"{name}: {error}; its tests will be skipped", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or names()))
