"""Two lists lead to every page: docs/README.md, and llms.txt for language models."""

import re

from tests.conftest import ROOT


def test_every_page_is_listed_once_and_every_link_leads_to_one():
    pages = {
        str(path.relative_to(ROOT))
        for place in ("*.md", "docs/**/*.md", "examples/README.md", "clients/js/README.md")
        for path in ROOT.glob(place)
    }
    links = re.findall(r"^- \[[^\]]+\]\(([^)]+)\): .+$", (ROOT / "llms.txt").read_text(), re.M)
    assert sorted(links) == sorted(pages)


def test_the_index_leads_to_every_page_of_its_folder():
    index = (ROOT / "docs" / "README.md").read_text()
    names = [path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md"]
    assert [name for name in names if f"]({name}" not in index] == []
