"""The command's arguments."""

import re
from dataclasses import replace

import pytest

from callscribe.cli import main
from callscribe.prove import command, machine
from callscribe.prove.command import parser
from callscribe.prove.trial import _OPTIONS
from common.errors import SettingsError
from common.settings import merge, settings_classes
from tests.conftest import ROOT
from tests.unit.callscribe.prove.conftest import PLAN, KnownMachine
from tests.unit.callscribe.prove.test_report import ABOUT


def test_it_has_help(capsys):
    assert main(["prove", "--help"]) == 0
    text = capsys.readouterr().out
    for flag in ("--minutes", "--runs", "--dwell", "--audio", "--json", "--plot", "--apply"):
        assert flag in text
    assert "--asr-model" in text


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--minutes", "0"], "--minutes: 0 is not at least 0.1 and at most 1440"),
        (["--minutes", "nan"], "--minutes: nan is not at least"),
        (["--minutes", "ten"], "--minutes: 'ten' is not a number"),
        (["--runs", "1.5"], "--runs: '1.5' is not a whole number"),
        (["--runs", "0"], "--runs: 0 is not at least 1 and at most 10"),
        (["--dwell", "1"], "--dwell: 1 is not at least 5 and at most 3600"),
        (["--final-ms", "0"], "--final-ms: 0 is not at least 1"),
        (["--final-ms", "inf"], "--final-ms: inf is not at least 1"),
        (["--partial-ms", "-5"], "--partial-ms: -5 is not at least 1"),
        (["--wer-points", "101"], "--wer-points: 101 is not at least 0 and at most 100"),
        (["--asr", "0"], "--asr: without a worker nothing is recognised"),
        (["--vad", "0"], "--vad: without a worker nothing is recognised"),
        (["--asr", "many"], "--asr: 'many' is not a number of workers"),
        (["--asr-engine", "wisper"], "no ASR engine 'wisper'"),
        (["--audio", "/nonexistent"], "--audio: there is no folder /nonexistent"),
        (["--json", "/nonexistent/a.json"], "--json: there is no folder /nonexistent"),
        (["--plot", "/nonexistent/a.png"], "--plot: there is no folder /nonexistent"),
        (["--plot", "a.docx"], "--plot: a.docx ends in none of .png, .svg, .pdf"),
        (["--apply", "/nonexistent/a.env"], "--apply: there is no folder /nonexistent"),
        (["--loud"], "--loud: no such flag"),
    ],
)
def test_misuse_is_one_clear_line(argv, line, capsys):
    assert main(["prove", *argv]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith(f"callscribe prove: {line}")
    assert errors.count("\n") == 1


def test_recordings_need_what_is_said_in_them(tmp_path, capsys):
    (tmp_path / "a.wav").write_bytes(b"")
    (tmp_path / "b.txt").write_text("one two")
    assert main(["prove", "--audio", str(tmp_path)]) == 2
    assert f"--audio: {tmp_path} has no recording (.wav, " in capsys.readouterr().err
    (tmp_path / "a.txt").write_text("one two")
    assert main(["prove", "--audio", str(tmp_path)]) == 2
    assert "not an audio file that can be read" in capsys.readouterr().err


def test_keys_are_ignored_since_the_calls_have_none(monkeypatch):
    given = {}

    def looked(invocation):
        given.update(invocation.env)
        raise SettingsError("seen")

    monkeypatch.setattr(command, "stack_options", looked)
    names = ("KEYS_FILE", "JWT_SECRET_FILE", "JWT_PUBLIC_KEY_FILE", "JWT_JWKS_FILE")
    for name in names:
        monkeypatch.setenv(f"CALLSCRIBE_{name}", "/run/secret")
    with pytest.raises(SettingsError, match="seen"):
        command.main([])
    assert given["CALLSCRIBE_NO_AUTH"] == "true"
    assert not {f"CALLSCRIBE_{name}" for name in names} & given.keys()


class TestTargets:
    @pytest.fixture(autouse=True)
    def idle(self, monkeypatch):
        async def busy():
            return 0.0

        monkeypatch.setattr(machine, "busy", busy)
        monkeypatch.setattr(command, "settle_memory", lambda: None)

    async def run(self, machine, tmp_path, *, plan=PLAN, **files):
        paths = {"json": None, "plot": None, "apply": tmp_path / "a.env", **files}
        targets = command._Files(**paths)
        return await command._run(command._Run(plan, machine, ABOUT, targets))

    async def test_the_figure_is_applied_although_the_report_cannot_be_written(self, tmp_path):
        with pytest.raises(SettingsError, match=r"--json: .* cannot be written"):
            await self.run(KnownMachine(13, 14), tmp_path, json=tmp_path)
        assert (tmp_path / "a.env").read_text() == "CALLSCRIBE_ASR_LEGS=11\n"

    async def test_each_recogniser_gets_its_part_of_the_figure(self, tmp_path, capsys):
        plan = replace(PLAN, workers=2)
        assert await self.run(KnownMachine(27, 28, workers=2), tmp_path, plan=plan) == 0
        assert "this machine carries 24 calls" in capsys.readouterr().out
        assert (tmp_path / "a.env").read_text() == "CALLSCRIBE_ASR_LEGS=12\n"
        page = " ".join((ROOT / "docs" / "prove.md").read_text().split())
        assert "with `--asr 2` and 24 it writes 12" in page

    async def test_a_limit_that_is_not_known_is_not_applied(self, tmp_path, capsys):
        assert await self.run(KnownMachine(600, 600), tmp_path) == 0
        assert not (tmp_path / "a.env").exists()
        assert "a.env: not changed" in capsys.readouterr().err

    async def test_what_was_not_proved_is_not_applied(self, tmp_path):
        assert await self.run(KnownMachine(20, 12), tmp_path) == 1
        assert not (tmp_path / "a.env").exists()


def test_the_calls_are_not_denoised():
    assert _OPTIONS.denoise is False


def test_its_page_has_every_flag_of_its_own():
    page = (ROOT / "docs" / "prove.md").read_text()
    settings = {each.flag for each in merge(settings_classes().values()).values()}
    own = {
        flag
        for flag in parser().flags
        if flag.startswith("--") and not {flag, flag.replace("--no-", "--")} & settings
    }
    rows = re.findall(r"^\| (`--[^|]*) \|", page, re.MULTILINE)
    told = {flag for row in rows for flag in re.findall(r"--[\w-]+", row)}
    assert told == own - {f"--{name}" for name in settings_classes()} - {"--help"}
