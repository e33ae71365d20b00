"""Sources of other releases, to run their processes beside ours."""

import shutil
import subprocess
from pathlib import Path

from tests.conftest import ROOT

BEFORE = "e196f35efcd2a30e525118e4c000711ba8678ce3"
"""The last state of wire version 1."""
_PACKAGES = ("common", "gateway", "vad_worker", "denoise_worker", "asr_worker", "callscribe")
_ALSO = ("bench", "tests/integration")


def next_release(directory: Path) -> Path:
    """Write what the next minor release may be: every record that it writes has a field more."""
    for name in (*_PACKAGES, *_ALSO):
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "conftest.py", directory / "tests")
    _change(
        directory / "common" / "pipeline" / "record.py",
        ('    body["v"] = WIRE_VERSION\n', '    body |= {"later": [1], "v": WIRE_VERSION}\n'),
        ("    return shape.as_map(value)\n", '    return {**shape.as_map(value), "later": {}}\n'),
    )
    _change(
        directory / "common" / "bus" / "releases.py",
        ('RELEASE = version("callscribe")\n', 'RELEASE = "99.0.0"\n'),
    )
    return directory


def release_before(directory: Path) -> Path | None:
    """Write the sources of `BEFORE`; None where the repository's history does not reach it."""
    git = ["git", "-C", str(ROOT)]
    known = subprocess.run(
        [*git, "cat-file", "-e", f"{BEFORE}^{{commit}}"], capture_output=True, check=False
    )
    if known.returncode:
        return None
    archive = directory / "sources.tar"
    subprocess.run([*git, "archive", "--output", str(archive), BEFORE, *_PACKAGES], check=True)
    shutil.unpack_archive(archive, directory, filter="data")
    return directory


def _change(file: Path, *changes: tuple[str, str]) -> None:
    text = file.read_text("utf-8")
    for before, after in changes:
        assert text.count(before) == 1, f"{file.name} does not have once: {before}"
        text = text.replace(before, after)
    file.write_text(text, "utf-8")
