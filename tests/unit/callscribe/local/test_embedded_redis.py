import importlib.util
import shutil
from pathlib import Path

import pytest

from callscribe.local.embedded_redis import find_server
from common.errors import SettingsError


def test_a_server_on_the_path_comes_first(monkeypatch):
    monkeypatch.setattr(shutil, "which", {"valkey-server": "/usr/bin/valkey-server"}.get)
    assert find_server() == "/usr/bin/valkey-server"


def test_else_the_binary_of_the_wheel(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    assert Path(find_server()).name == "valkey-server"


def test_without_any_the_message_tells_how_to_get_one(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"install redis-server, or callscribe\[local\]"):
        find_server()


def test_a_binary_for_another_machine_is_passed_over(monkeypatch, tmp_path):
    binary = tmp_path / "_binaries" / "linux-other" / "valkey-server"
    binary.parent.mkdir(parents=True)
    binary.write_bytes(b"\x7fELF nonsense")
    binary.chmod(0o755)

    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(shutil, "which", lambda program: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: Spec)
    with pytest.raises(SettingsError):
        find_server()
