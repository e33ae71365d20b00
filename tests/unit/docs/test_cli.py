"""docs/cli.md has every command with an example, and every flag of those that it describes."""

import re
from pathlib import Path

import pytest

from callscribe.cli import COMMANDS
from callscribe.commands import listen, transcribe, watch

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text()
PARSERS = {"transcribe": transcribe.parser(), "listen": listen.parser(), "watch": watch.parser()}
SHARED = "Which server"
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))


def flags_of(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def test_every_command_has_a_section_and_a_row():
    assert set(SECTIONS) - {SHARED} == set(COMMANDS)
    rows = re.findall(r"^\| \[`([\w-]+)`\]\(#([\w-]+)\) \|", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == [anchor for _, anchor in rows]
    assert {name for name, _ in rows} == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_section_has_an_example(command):
    blocks = re.findall(r"^```sh\n(.*?)^```$", SECTIONS[command], re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    assert lines
    assert all(line.startswith(f"callscribe {command}") for line in lines)


@pytest.mark.parametrize("command", PARSERS)
def test_a_section_has_every_flag_of_its_command_and_no_other(command):
    own = {flag for flag in PARSERS[command].flags if flag.startswith("--")} - {"--help"}
    switched = {flag for flag in own if flag.replace("--no-", "--") in own - {flag}}
    told = flags_of(SECTIONS[command])
    assert told - own == set()
    elsewhere = flags_of(SECTIONS[SHARED])
    if command == "listen":
        elsewhere |= flags_of(SECTIONS["transcribe"])
    assert own - switched - told - elsewhere == set()
