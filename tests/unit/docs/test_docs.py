"""The documents say what is there."""

import re
from pathlib import Path

import pytest

from callscribe.commands import listen, trace, transcribe, watch
from callscribe.loadtest import command as loadtest
from callscribe.prove import command as prove
from common.bus import keys
from common.bus.keys import Leg
from common.options import OPTIONS
from common.settings import flag_parser, settings_classes
from docs import pipeline_tables, state_diagrams

ROOT = Path(__file__).resolve().parents[3]
PAGES = [
    path
    for under in ("*.md", "docs/**/*.md", "examples/**/*.md", "clients/*/*.md")
    for path in ROOT.glob(under)
]
DOCUMENTS = [path for path in PAGES if path.name != "CHANGELOG.md"]
WIDEST = 100
AVOIDED = (
    *("whoever", "of which", "so many", "for good", "him"),
    *("terms? of office", "signs? of life", "nobody's"),
)
LEG = Leg("<session>", 0)


@pytest.fixture(params=DOCUMENTS, ids=lambda path: path.name)
def document(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_every_link_leads_somewhere(document):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text())
    missing = [
        link
        for link in links
        if not link.startswith("http") and not (document.parent / link).exists()
    ]
    assert missing == []


def test_every_anchor_is_a_heading(document):
    for link, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", document.read_text()):
        target = document.parent / link if link else document
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
        assert anchor in slugs, f"{link}#{anchor}"


def test_every_flag_exists(document):
    known = {
        flag
        for name, cls in settings_classes().items()
        for flag in flag_parser([cls], prog=name, service=name).flags
    }
    known |= {
        "--vad",
        "--asr",
        "--denoise",
        "--align",
        "--json",
        "--version",
        "--record",
        "--clients",
        "--redis",
        "--bare",
        "--keys",
        "--mode",
    }
    for command in (loadtest, prove, transcribe, listen, watch, trace):
        known |= set(command.parser().flags)
    known |= {"--build", "--scale", "--profile", "--rm", "--no-deps", "--entrypoint"}  # compose's
    known |= {"--local-dir", "--build-arg", "--from-literal"}  # hf, docker, kubectl
    if document.name == "tls.md":  # curl's, node's and cp's
        known |= {"--cacert", "--insecure", "--silent", "--input-type", "--eval", "--dereference"}
    known |= {"--prefix", "--workspace", "--no-save"}  # npm's
    known |= {"--connect"}  # check-config's
    if document.name in ("access.md", "cli.md"):  # of `callscribe keys`
        known |= {"--tenant", "--name", "--scope", "--grace-s", "--file", "--days"}
        known |= {"--sessions", "--audio-s", "--calls"}
    if document.name == "migrating.md":  # those of the other servers
        known |= {"--asr-model-path", "--gpu-memory-utilization", "--audio-file"}
        known |= {"--connections"}
    prose = re.findall(r"`[^`\n]*`|```.*?```", document.read_text(), re.DOTALL)
    flags = {flag for code in prose for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code)}
    assert flags - known == set()


def test_every_name_that_is_imported_exists(document):
    imports = re.findall(r"^from callscribe\S* import .+$", document.read_text(), re.MULTILINE)
    for each in imports:
        exec(each, {})


def test_every_key_of_the_architecture_is_one_the_bus_builds():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    stage, gateway = "<stage>", "<gateway>"
    built = [
        keys.session_key("<session>", "meta"),
        keys.session_key("<session>", "trace"),
        *(LEG.key(kind) for kind in ("audio", "clean", "speech", "text", "parked", "part:<n>")),
        *(LEG.key(kind) for kind in ("align:<n>", "ckpt:<stage>")),
        *(keys.work_items(stage), keys.index(stage), keys.workers(stage)),
        *(keys.dead(stage), keys.dead_contents(stage), keys.sessions(), keys.calls("<key>")),
        *(keys.doorbell(stage, 7), keys.out(gateway), keys.named("any", "any"), keys.webhooks()),
        *(keys.access(), keys.spent("<name>"), keys.usage("<tenant>", "<day>")),
        keys.counted("<tenant>", "<session>"),
    ]
    spelled = {
        re.sub(r"\{[0-9a-f]{32}\}", "{<name>}", re.sub(r"\{p\d\d\}", "{pNN}", key.decode()))
        .replace(":07", ":<NN>")
        .replace(str(LEG), "<leg>")
        for key in built
    }
    assert set(re.findall(r"`(cs:[^`]+)`", text)) == spelled


def test_the_state_diagrams_are_those_of_the_code():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert state_diagrams.drawn(text) == text


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_prose_is_wrapped(page):
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in prose.splitlines() if not line.startswith("|")]
    without_targets = [re.sub(r"\]\([^)]*\)", "]", line) for line in lines]
    assert [line for line in without_targets if len(line) > WIDEST] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_no_page_has_a_word_to_avoid(page):
    text = " ".join(page.read_text().split())
    assert re.findall(rf"\b(?:{'|'.join(AVOIDED)})\b", text, re.IGNORECASE) == []


def test_the_architecture_is_short():
    assert 6_000 <= (ROOT / "ARCHITECTURE.md").stat().st_size <= 10_240


@pytest.mark.parametrize("page", pipeline_tables.tables(), ids=lambda path: path.name)
def test_the_tables_are_those_of_the_code(page):
    assert pipeline_tables.written(page) == page.read_text()


@pytest.mark.parametrize("option", OPTIONS)
def test_a_row_tells_each_option_in_a_narrow_line(option):
    rows = pipeline_tables.PROTOCOL.read_text().splitlines()
    (row,) = [
        each
        for each in rows
        if each.startswith(f"| `{option}` |") and each.endswith(f" {OPTIONS[option].meaning} |")
    ]
    assert len(row) <= WIDEST
