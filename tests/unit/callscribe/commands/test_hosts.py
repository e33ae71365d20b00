"""`callscribe hosts render`: what it writes, what stays, and what it refuses."""

from pathlib import Path

import pytest

from callscribe.commands import hosts
from common.errors import SettingsError
from tests.conftest import ROOT
from tests.documents import block
from tests.unit.callscribe.hosts.sites import INVENTORY


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.toml"
    path.write_text(INVENTORY)
    return path


def render(inventory: Path, output: Path) -> int:
    return hosts.main(["render", str(inventory), str(output), "--deploy", str(ROOT / "deploy")])


def contents(directory: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(directory)): (path.stat().st_mode & 0o777, path.read_bytes())
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_it_writes_a_tree_for_each_host(inventory, tmp_path, capsys):
    output = tmp_path / "new" / "site"
    assert render(inventory, output) == 0
    said = capsys.readouterr().out
    assert [line.partition(":")[0] for line in said.splitlines()] == [
        str(output / name) for name in ("one", "two", "three")
    ]
    assert sorted(path.name for path in output.iterdir()) == ["one", "secrets", "three", "two"]
    assert output.stat().st_mode & 0o777 == 0o700
    for path in output.rglob("*"):
        if path.is_dir() and (output / "secrets") not in (path, *path.parents):
            assert path.stat().st_mode & 0o777 == 0o755
    written = contents(output / "two")
    password = (output / "secrets" / "redis" / "asr").read_bytes()
    assert written["etc/callscribe/redis/asr"] == (0o600, password)
    for each in (output / "secrets" / "redis").iterdir():
        assert each.read_text().strip() not in said


def test_the_printed_command_runs(inventory, tmp_path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    monkeypatch.chdir(tmp_path)
    program, command, *words = block("docs/cli.md", "callscribe hosts").split()
    assert (program, command, hosts.main(words)) == ("callscribe", "hosts", 0)
    assert (tmp_path / "build" / "hosts" / "two").is_dir()


def test_the_same_inventory_makes_the_same_files(inventory, tmp_path):
    output = tmp_path / "site"
    render(inventory, output)
    first = contents(output)
    render(inventory, output)
    assert contents(output) == first


def test_what_the_inventory_no_longer_says_goes(inventory, tmp_path):
    output = tmp_path / "site"
    render(inventory, output)
    assert "etc/callscribe/redis/denoise" in contents(output / "two")
    inventory.write_text(INVENTORY.replace("denoise = 1\n", ""))
    render(inventory, output)
    assert "etc/callscribe/redis/denoise" not in contents(output / "two")


def test_the_sites_certificate_lies_beside_the_inventory(inventory, tmp_path):
    inventory.write_text('certificate = "calls.pem"\n' + INVENTORY)
    (tmp_path / "calls.pem").write_text("chain and key\n")
    render(inventory, tmp_path / "site")
    proxy = contents(tmp_path / "site" / "three")["etc/callscribe/proxy.pem"]
    assert proxy == (0o600, b"chain and key\n")


def test_a_wrong_inventory_changes_nothing(inventory, tmp_path):
    inventory.write_text(INVENTORY.replace("vad = 1", "vad = 99"))
    with pytest.raises(SettingsError, match=rf"^{inventory}: hosts.two.vad: 99 is not a whole"):
        render(inventory, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_directory_with_other_things_is_refused(inventory, tmp_path):
    with pytest.raises(SettingsError, match="is neither empty nor what this command has written"):
        render(inventory, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["inventory.toml"]


def test_what_is_missing_is_named(inventory, tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere.toml: no such file or directory$"):
        render(tmp_path / "nowhere.toml", tmp_path / "site")
    with pytest.raises(
        SettingsError, match=r"^--deploy: there is no .*/systemd; run it in a clone"
    ):
        hosts.main(["render", str(inventory), str(tmp_path / "site"), "--deploy", str(tmp_path)])
    inventory.write_text('certificate = "calls.pem"\n' + INVENTORY)
    with pytest.raises(SettingsError, match=r"calls.pem: no such file or directory$"):
        render(inventory, tmp_path / "site")
