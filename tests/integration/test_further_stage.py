"""A stage that the product does not have goes through every table, generator and process."""

import os
import subprocess
import sys

from tests.conftest import ROOT

PACKAGE = "tests.further_stage"
REGISTERS = f"from {PACKAGE}.registration import register\nregister()\n"
METADATA = "Metadata-Version: 2.1\nName: count-worker\nVersion: 1\n"
ENTRY = f"[callscribe.settings]\ncount = {PACKAGE}.settings:CountSettings\n"


def test_a_further_stage_costs_its_package_and_its_lines_in_the_tables(tmp_path):
    """See `tests/further_stage`: it is registered and installed in every process of the checks."""
    (tmp_path / "sitecustomize.py").write_text(REGISTERS)
    installed = tmp_path / "count_worker-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(METADATA)
    (installed / "entry_points.txt").write_text(ENTRY)
    flags = ("-q", "-n0", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *flags, "tests/further_stage/checks.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
