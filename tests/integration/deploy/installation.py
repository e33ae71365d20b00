"""Virtual environments as users have them: the wheel, and what a lock or an extra brings."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

LOCKS = ROOT / "deploy" / "locks"
_UV = Path(sys.executable).with_name("uv")


def build_wheel(directory: Path) -> Path:
    """Build the wheel that images install into a directory."""
    _run([_UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--out-dir", directory, ROOT])
    (wheel,) = directory.glob("*.whl")
    return wheel


@dataclass(frozen=True, slots=True)
class Installation:
    """A virtual environment. `uv` keeps what it has downloaded, so that the next takes seconds."""

    directory: Path

    @classmethod
    def made(cls, directory: Path) -> "Installation":
        """Make an empty one of this Python."""
        _run([_UV, "venv", "--quiet", "--python", sys.executable, directory])
        return cls(directory)

    def add(self, *arguments: object) -> None:
        """Install what `uv pip install` is told."""
        python = self.directory / "bin" / "python"
        _run([_UV, "pip", "install", "--quiet", "--python", python, *arguments])

    def command(self, *arguments: str) -> list[str]:
        """Return the words of a `callscribe` command."""
        return [str(self.directory / "bin" / "callscribe"), *arguments]

    def run(
        self, *words: str, cwd: Path, env: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program of it in a directory, with nothing of this checkout in reach."""
        return subprocess.run(
            [str(self.directory / "bin" / words[0]), *words[1:]],
            cwd=cwd,
            env=environment(env),
            capture_output=True,
            text=True,
            check=False,
        )


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """Return this process's variables without those that lead to other Pythons, and `more`."""
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {k: v for k, v in os.environ.items() if k not in ours} | (more or {})


def pins(lock: Path, names: Sequence[str]) -> str:
    """Return the part of a lock that pins these packages, hashes and all."""
    entries = lock.read_text().replace("\\\n", "\\\0").splitlines()
    chosen = [each for each in entries if each.partition("==")[0] in names]
    return "\n".join(chosen).replace("\\\0", "\\\n") + "\n"


def _run(words: Sequence[object]) -> None:
    done = subprocess.run(
        [str(each) for each in words],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
