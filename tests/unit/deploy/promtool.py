"""Prometheus's own checker."""

import os
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
    env = {**os.environ, "GOGC": "400"}  # it has memory enough to look for garbage seldom
    done = subprocess.run(
        [program, *arguments], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
