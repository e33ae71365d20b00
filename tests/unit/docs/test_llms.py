"""llms.txt has the form of llmstxt.org, and names every page."""

import re
from urllib.parse import urlsplit

from tests.conftest import ROOT

TEXT = (ROOT / "llms.txt").read_text()
ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)]+)\): (.+)$")
LONGEST = 90


def entries() -> list[tuple[str, str, str]]:
    """Return the title, the link and the description of every page that is listed."""
    _, _, lists = TEXT.partition("\n## ")
    lines = [line for line in lists.splitlines()[1:] if line and not line.startswith("## ")]
    found = [ENTRY.match(line) for line in lines]
    assert None not in found, [
        line for line, entry in zip(lines, found, strict=True) if entry is None
    ]
    return [(each[1], each[2], each[3]) for each in found if each is not None]


def test_it_begins_with_a_title_and_a_summary():
    title, empty, summary, *_ = TEXT.splitlines()
    assert title == "# callscribe"
    assert empty == ""
    assert summary.startswith("> ")


def test_every_line_is_short_and_told_once():
    names = [title for title, _, _ in entries()]
    assert len({*names}) == len(names)
    assert [text for _, _, text in entries() if len(text) > LONGEST or text.endswith(".")] == []


def test_every_link_leads_to_a_file_of_the_repository():
    links = [link for _, link, _ in entries()]
    assert len({*links}) == len(links)
    assert [link for link in links if urlsplit(link).scheme or not (ROOT / link).is_file()] == []


def test_every_page_is_listed():
    pages = [
        str(path.relative_to(ROOT))
        for place in ("*.md", "docs/**/*.md", "examples/**/README.md")
        for path in ROOT.glob(place)
    ]
    links = {link for _, link, _ in entries()}
    assert [page for page in pages if page not in links] == []
    assert ("clients/js/README.md" in links) == (ROOT / "clients/js/README.md").exists()


def test_the_index_leads_to_every_page_of_its_folder():
    index = (ROOT / "docs" / "README.md").read_text()
    names = [path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md"]
    assert [name for name in names if f"]({name}" not in index] == []
