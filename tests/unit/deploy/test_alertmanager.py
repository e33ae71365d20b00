"""Alertmanager's own checker, on its configuration."""

import shutil
import subprocess

import pytest

from tests.conftest import ROOT

CONFIG = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"


@pytest.mark.skipif(shutil.which("amtool") is None, reason="there is no amtool")
def test_alertmanager_accepts_its_configuration():
    check = ["amtool", "check-config", str(CONFIG)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 receivers" in done.stdout
