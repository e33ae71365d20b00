"""Prometheus's own checker."""

import shutil
import subprocess

import pytest


def promtool(*arguments: str) -> str:
    """Run promtool, which must find nothing wrong; return what it says. Skip where there is none.

    It does without Prometheus, and comes with it.
    """
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("there is no promtool")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
