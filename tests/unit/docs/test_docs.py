"""The documents say what is there."""

import re
from pathlib import Path

import pytest

from callscribe.commands import listen, trace, transcribe, turns, watch
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


def test_every_link_leads_somewhere():
    missing = [
        (page.name, link)
        for page in DOCUMENTS
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
        if not link.startswith("http") and not (page.parent / link).exists()
    ]
    assert missing == []


def slugs(page: Path) -> set[str]:
    """Return what an anchor of a page may be."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def test_every_anchor_is_a_heading():
    missing = [
        (page.name, f"{link}#{anchor}")
        for page in DOCUMENTS
        for link, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", page.read_text())
        if anchor not in slugs(page.parent / link if link else page)
    ]
    assert missing == []


OTHERS = {
    **dict.fromkeys(
        ("access.md", "cli.md"), "tenant name scope grace-s file days sessions audio-s calls deploy"
    ),
    "sinks.md": "from since",
    "quality.md": "wide",
    "runbooks.md": "from since",
    "migrating.md": "asr-model-path gpu-memory-utilization audio-file connections",
    "tls.md": "cacert insecure silent input-type eval dereference",
    "": "vad asr denoise align json version record clients redis bare keys mode connect "
    "followers "
    "build wait scale profile rm no-deps entrypoint local-dir build-arg from-literal "
    "prefix workspace no-save namespace values",
}
"""Flags that no parser here can list, by the page that may show them; the last ones: any page."""


def test_every_flag_exists():
    known = {f"--{flag}" for flag in OTHERS[""].split()}
    for name, cls in settings_classes().items():
        known |= set(flag_parser([cls], prog=name, service=name).flags)
    for command in (loadtest, prove, transcribe, listen, watch, trace, turns):
        known |= set(command.parser().flags)
    unknown = []
    for page in DOCUMENTS:
        own = {f"--{flag}" for flag in OTHERS.get(page.name, "").split()}
        prose = re.findall(r"`[^`\n]*`|```.*?```", page.read_text(), re.DOTALL)
        flags = {flag for code in prose for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code)}
        unknown += [(page.name, flag) for flag in flags - known - own]
    assert unknown == []


def test_every_name_that_is_imported_exists():
    for page in DOCUMENTS:
        for each in re.findall(r"^from callscribe\S* import .+$", page.read_text(), re.MULTILINE):
            exec(each, {})


def test_every_key_of_the_architecture_is_one_the_bus_builds():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    stage, gateway = "<stage>", "<gateway>"
    built = [
        keys.session_key("<session>", "meta"),
        keys.session_key("<session>", "trace"),
        *(LEG.key(kind) for kind in ("audio", "clean", "speech", "text", "parked", "part:<n>")),
        LEG.key("recorded"),
        *(LEG.key(kind) for kind in ("align:<n>", "ckpt:<stage>")),
        *(keys.work_items(stage), keys.index(stage), keys.workers(stage)),
        *(keys.dead(stage), keys.dead_contents(stage), keys.sessions(), keys.calls("<key>")),
        *(keys.doorbell(stage, 7), keys.out(gateway), keys.named("any", "any"), keys.due("<sink>")),
        *(keys.access(), keys.spent("<name>"), keys.usage("<tenant>", "<day>")),
        *(keys.counted("<tenant>", "any"), keys.taken("<sink>"), keys.sinks()),
        keys.erasure("<session>"),
    ]
    spelled = {
        re.sub(r"\{[0-9a-f]{32}\}", "{<name>}", re.sub(r"\{p\d\d\}", "{pNN}", key.decode()))
        .replace(keys.counted("<tenant>", "any").decode()[-32:], "<digest>")
        .replace(":07", ":<NN>")
        .replace(str(LEG), "<leg>")
        for key in built
    }
    assert set(re.findall(r"`(cs:[^`]+)`", text)) == spelled


def test_the_state_diagrams_are_those_of_the_code():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert state_diagrams.drawn(text) == text


def too_wide(page: Path) -> list[str]:
    """Return the lines of prose that are not wrapped; targets of links do not count."""
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    lines = [re.sub(r"\]\([^)]*\)", "]", line) for line in prose.splitlines()]
    return [line for line in lines if len(line) > WIDEST and not line.startswith("|")]


def test_prose_is_wrapped():
    assert {page.name: lines for page in PAGES if (lines := too_wide(page))} == {}


def test_no_page_has_a_word_to_avoid():
    words = re.compile(rf"\b(?:{'|'.join(AVOIDED)})\b", re.IGNORECASE)
    texts = {page.name: " ".join(page.read_text().split()) for page in PAGES}
    assert {name: found for name, text in texts.items() if (found := words.findall(text))} == {}


def test_the_architecture_is_short():
    assert 6_000 <= (ROOT / "ARCHITECTURE.md").stat().st_size <= 10_240


@pytest.mark.parametrize("page", pipeline_tables.tables(), ids=lambda path: path.name)
def test_the_tables_are_those_of_the_code(page):
    assert pipeline_tables.written(page) == page.read_text()


def test_a_row_tells_each_option_in_a_narrow_line():
    rows = pipeline_tables.PROTOCOL.read_text().splitlines()
    for name, option in OPTIONS.items():
        (row,) = [
            each
            for each in rows
            if each.startswith(f"| `{name}` |") and each.endswith(f" {option.meaning} |")
        ]
        assert len(row) <= WIDEST
