"""The fenced blocks of code that the documents show."""

import re
from dataclasses import dataclass

from tests.conftest import ROOT

PLACES = ("README.md", "docs/**/*.md", "examples/**/*.md", "clients/js/README.md")
"""Where the documents are whose examples are kept true."""

_FENCED = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code with the language that its page names, and its page's path."""

    page: str
    language: str
    text: str

    @property
    def first(self) -> str:
        """Its first line, by which it is known."""
        return self.text.partition("\n")[0].strip()


def pages() -> list[str]:
    """Return the path of every page, relative to the repository."""
    return sorted(
        str(path.relative_to(ROOT))
        for place in PLACES
        for path in ROOT.glob(place)
        if "node_modules" not in path.parts
    )


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page in their order, without the indentation of a list."""
    found = _FENCED.findall((ROOT / page).read_text())
    return [
        Block(page, language, re.sub(f"^{indent}", "", text, flags=re.MULTILINE))
        for indent, language, text in found
    ]


def block(page: str, beginning: str) -> str:
    """Return the text of the only block of a page that begins so."""
    (found,) = [each.text for each in blocks(page) if each.text.startswith(beginning)]
    return found
