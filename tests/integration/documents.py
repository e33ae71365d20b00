"""The programs that the documents show."""

import os
import re
import subprocess
import sys

from tests.conftest import ROOT


def example(page: str, *arguments: object) -> str:
    """Run the Python example of a page of docs/protocols; return what it prints."""
    text = (ROOT / "docs" / "protocols" / page).read_text()
    (script,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    command = [sys.executable, "-c", script, *map(str, arguments)]
    env = {**os.environ, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
