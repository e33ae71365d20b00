"""Git ignores what a reader makes with the documents' commands: secrets, figures, voices."""

import re
import shutil
import subprocess

import pytest

from tests.conftest import ROOT
from tests.documents import blocks, pages

WRITES = re.compile(
    r"(?:--(?:apply|json|plot|picture|output|file|self-signed-cert-dir) "
    r"|(?<![-=0-9])>>?|\bredis-acl |\bcallscribe certificate )([\w.][\w./-]*)"
)
"""How commands name what they write."""
SAVED = re.compile(r"[Ss]ave this as `([^`]+)`")
KEPT = {
    ".",  # the folder itself
    "callscribe.yaml",  # manifests, which docs/kubernetes.md has its readers keep in git
}

needs_git = pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="this is no clone"
)


def written(text: str) -> set[str]:
    """Return what the commands of a block write."""
    return {*WRITES.findall(text.replace("\\\n", " "))}


def made() -> set[str]:
    """Return everything that the documents have their readers make."""
    found = set()
    for page in pages():
        found |= {*SAVED.findall((ROOT / page).read_text())}
        for block in blocks(page):
            if block.language == "sh":
                found |= written(block.text)
    return found - KEPT


def is_ignored(path: str) -> bool:
    """Tell it of a file of this name, or of what is in a folder of this name."""
    command = ["git", "check-ignore", "--no-index", path, f"{path}/any"]
    found = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert found.returncode in (0, 1), found.stderr
    return bool(found.stdout)


def test_what_a_command_writes_is_found():
    text = "callscribe prove --json a.json \\\n --plot b.png >c.txt 2>&1\necho d >>.env\n"
    assert written(text) == {"a.json", "b.png", "c.txt", ".env"}


def test_the_documents_make_files():
    assert {".env", "callscribe.env", "proof.json", "proof.png", "certs"} <= made()


@needs_git
def test_what_the_documents_make_is_ignored():
    assert {path for path in made() if not is_ignored(path)} == set()


@needs_git
@pytest.mark.parametrize("secret", ["users.acl", "redis/gateway", "gateway/keys.json"])
def test_secrets_of_compose_are_ignored(secret):
    assert is_ignored(f"deploy/secrets/{secret}")


@needs_git
def test_nothing_of_the_repository_is_ignored():
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert found.stdout == ""
