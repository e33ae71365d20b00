"""What a benchmark has measured as a file: the figures, when, and on which machine."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from callscribe.prove.machine import processor


def write(path: Path, figures: Any) -> None:
    """Write figures, JSON-able, as `read` and docs/figures read them."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    report = {"date": today, "machine": machine(), "figures": figures}
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> Any:
    """Return the figures that `write` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))["figures"]


def machine() -> str:
    """Return how many processors this machine has, and which."""
    return f"{os.cpu_count()} cores, {processor()}"
