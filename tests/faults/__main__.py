"""See which of seventy seeded faults and leaks the tests find.

    python -m tests.faults                  all of them, by unit tests, then by slower ones
    python -m tests.faults --quick          by unit tests alone
    python -m tests.faults --only common    those of files whose path begins so
    python -m tests.faults --leaks          the leaks of secrets alone, by the search for them

Each fault is put into a copy of what is committed, and the tests that are near it run there. A
fault is found by the first suite that fails, unless that fails without any fault, too. The copy is
removed in the end. `--json FILE` keeps what was found by what.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.conftest import ROOT
from tests.faults.fault import Fault
from tests.faults.faults import FAULTS
from tests.faults.leaks import LEAKS

LIMIT_S = 600
"""Of one suite. What hangs is found, too."""
SLOWER = {
    "gateway": ("tests/contract/test_protocols.py", "tests/integration/gateway/test_calls.py"),
    "gateway/access": ("tests/integration/gateway/access",),
    "gateway/calls": (
        "tests/integration/gateway/calls",
        "tests/integration/gateway/test_erasing.py",
    ),
    "gateway/uplink": ("tests/integration/gateway/test_acks.py",),
    "gateway/webhooks": ("tests/integration/gateway/test_webhooks.py",),
    "common/bus": ("tests/integration/common/bus", "tests/integration/common/stage"),
    "common/redis": ("tests/integration/common/redis",),
    "common/stage": ("tests/integration/common/stage", "tests/contract/test_stage.py"),
    "vad_worker": ("tests/contract/test_stage.py", "tests/integration/vad_worker"),
    "asr_worker": ("tests/contract/test_stage.py", "tests/integration/asr_worker"),
    "denoise_worker": ("tests/contract/test_stage.py", "tests/integration/denoise_worker"),
    "callscribe/client": ("tests/integration/callscribe/client",),
}
"""Suites beside the unit tests, by the folders whose files they run."""
USES_METER = ("common/bus/use.lua", "common/bus/may_call.lua")


def suites(fault: Fault, *, quick: bool) -> Iterator[Sequence[str]]:
    """Yield the suites that may find a fault: its unit tests, those beside, then slower ones."""
    if fault in LEAKS:
        if not quick:
            yield ["tests/leaks"]
        return
    folders = [str(each) for each in Path(fault.path).parents if each.name]
    near = Path("tests/unit", Path(fault.path).with_name(f"test_{Path(fault.path).stem}.py"))
    if (ROOT / near).exists():
        yield [str(near)]
    if (ROOT / "tests" / "unit" / folders[0]).exists():
        yield [f"tests/unit/{folders[0]}"]
    if quick:
        return
    if fault.path in USES_METER:
        yield ["tests/integration/gateway/access/test_meter.py"]
    for folder in folders:
        if folder in SLOWER:
            yield SLOWER[folder]


def fails(tree: Path, suite: Sequence[str]) -> bool:
    """Tell whether a suite fails in this tree, or does not end."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *suite]
    env = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "CI": "true"}
    try:
        done = subprocess.run(
            command, cwd=tree, env=env, stdout=subprocess.DEVNULL, check=False, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


class Sound:
    """Which suites pass without a fault; each is tried once, when it is first needed."""

    def __init__(self, tree: Path) -> None:
        self._tree = tree
        self._known: dict[tuple[str, ...], bool] = {}

    def passes(self, suite: Sequence[str]) -> bool:
        """Tell whether a suite passes in the unchanged tree."""
        key = tuple(suite)
        if key not in self._known:
            self._known[key] = not fails(self._tree, suite)
        return self._known[key]


def found_by(tree: Path, fault: Fault, sound: Sound, *, quick: bool) -> str | None:
    """Return the first suite that finds a fault, None if none does."""
    path = tree / fault.path
    text = path.read_text()
    if text.count(fault.old) != 1:
        print(f"{fault.path} has this text {text.count(fault.old)} times, not once: {fault.old}")
        return None
    for suite in suites(fault, quick=quick):
        path.write_text(text.replace(fault.old, fault.new))
        try:
            failed = fails(tree, suite)
        finally:
            path.write_text(text)
        if failed and sound.passes(suite):
            return " ".join(suite)
    return None


def main(argv: Sequence[str]) -> int:
    """Try the faults; the exit code is 1 if one was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--quick", action="store_true", help="unit tests alone")
    parser.add_argument("--only", default="", metavar="PATH", help="files whose path begins so")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to keep what was found")
    parser.add_argument("--leaks", action="store_true", help="the leaks of secrets alone")
    options = parser.parse_args(argv)
    told: dict[str, str | None] = {}
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        tree = Path(name, "callscribe")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tree)], check=True)
        sound = Sound(tree)
        for fault in LEAKS if options.leaks else (*FAULTS, *LEAKS):
            if not fault.path.startswith(options.only):
                continue
            began = time.monotonic()
            by = found_by(tree, fault, sound, quick=options.quick)
            told[f"{fault.path}: {fault.old} -> {fault.new}"] = by
            print(f"{time.monotonic() - began:6.1f} s  {by or 'NOT FOUND'}  {fault}", flush=True)
            if options.json is not None:
                options.json.write_text(json.dumps(told, indent=1) + "\n")
    kinds = Counter((by or "nothing").split("/")[:2][-1] for by in told.values())
    print(f"{len(told)} faults, found by: " + ", ".join(f"{k} {n}" for k, n in kinds.items()))
    return int(any(by is None for by in told.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
