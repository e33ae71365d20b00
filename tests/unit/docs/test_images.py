"""The documents' pictures are there, small, described, and drawn from what was recorded."""

import re
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

from docs import terminal
from docs.terminal_picture import read, svg
from tests.conftest import ROOT
from tests.documents import pages

IMAGES = ROOT / "docs" / "images"
MOST_BYTES, MOST_PICTURE_BYTES = 600_000, 150_000
"""Of all pictures together, and of the animated one."""
LEAST_WORDS = 4


def shown() -> dict[Path, str]:
    """Return the description of each picture that a page shows."""
    found = {}
    for page in pages():
        for text, link in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", (ROOT / page).read_text()):
            found[(ROOT / page).parent.joinpath(link).resolve()] = " ".join(text.split())
    return found


def test_every_picture_is_shown_with_a_description():
    described = shown()
    pictures = sorted(path for path in IMAGES.iterdir() if path.suffix != ".cast")
    assert pictures
    missing = [path.name for path in pictures if len(described.get(path, "").split()) < LEAST_WORDS]
    assert missing == []


def test_the_pictures_are_small():
    assert sum(path.stat().st_size for path in IMAGES.iterdir()) < MOST_BYTES
    assert terminal.PICTURE.stat().st_size < MOST_PICTURE_BYTES


@pytest.mark.parametrize("path", sorted(IMAGES.glob("*.png")), ids=lambda path: path.name)
def test_a_picture_has_a_palette(path):
    with Image.open(path) as image:
        assert image.mode == "P"


def test_the_terminal_is_drawn_from_its_recording():
    recording = read(terminal.CAST.read_text())
    assert svg(recording, terminal.TITLE) == terminal.PICTURE.read_text()
    assert recording.parts[0][1].strip() == f"$ {terminal.COMMAND}"


def test_the_terminal_names_no_host_but_that_of_its_format():
    hosts = re.findall(r"[a-z]+://[^\s\"')]+", unescape(terminal.PICTURE.read_text()))
    assert hosts == ["http://www.w3.org/2000/svg"]
