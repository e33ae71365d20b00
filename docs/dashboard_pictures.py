"""Draw the dashboards' panels from what a real Prometheus recorded of the running system.

``python -m docs.dashboard_pictures`` runs the system of the drills for 90 s: two calls, slow speech
from a third of the time on, a VAD worker killed after two thirds. It draws docs/images/<name>.png
with our own code, so panels are arranged otherwise than in Grafana. It needs Debian's packages
prometheus, prometheus-alertmanager, prometheus-redis-exporter and prometheus-node-exporter.
"""

import asyncio
import io
import math
import os
import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter
from PIL import Image

from deploy.dashboards.description import DASHBOARDS
from deploy.dashboards.panels import Dashboard, Panel
from docs.stack import IMAGES
from tests.certificates import identity
from tests.drills.monitoring import Prometheus
from tests.drills.system import FULL, GOOD, SLOW, System, running_system
from tests.integration.deploy.test_panels import asked, exporters, provoke

SECONDS = 90.0
STEP = 1.0
_COLUMNS, _COLOURS = 4, 48
_MOST_NAMES = 6
_DAY_S = 86_400
_UNITS = {"short": "", "bool": "", "percentunit": "", "ops": "1/s", "Bps": "B/s", "bytes": "B"}
_UNITS |= {"dtdurations": "days"}


async def load(system: System, directory: Path) -> None:
    """Let happen what the pictures show."""
    given = identity(directory, "secured", "localhost", days=90)
    flags = "--ssl-certfile", str(given.certfile), "--ssl-keyfile", str(given.keyfile)
    system.add("gateway", *flags, tls=True)
    await system.ready()
    async with system.talking(GOOD, 2), system.talking(FULL, 1):
        await asyncio.sleep(SECONDS / 3)
        await provoke(system)
        async with system.talking(SLOW, 1):
            await asyncio.sleep(SECONDS / 3)
        # What counts it exists since the first time: a rate sees the second.
        await provoke(system)
        system.vads[0].kill()
        await asyncio.sleep(5.0)
        system.vads[0].start()
        await asyncio.sleep(SECONDS / 3)


def _name(legend: str, labels: Mapping[str, str]) -> str:
    # Ports differ from run to run and say nothing.
    own = {name: re.sub(r"127\.0\.0\.1:", ":", value) for name, value in labels.items()}
    return re.sub(r"{{(\w+)}}", lambda match: own.get(match[1], ""), legend).strip()


def _height(curve: Mapping[str, Any]) -> float:
    values = [float(value) for _, value in curve["values"]]
    return max((each for each in values if math.isfinite(each)), default=0.0)


def _draw_panel(axes: Axes, panel: Panel, prometheus: Prometheus, end: float) -> None:
    axes.set_title(panel.title, fontsize=8, loc="left")
    axes.tick_params(labelsize=6)
    drawn = 0
    for query in panel.queries:
        curves = prometheus.curves(asked(query.expr), end - SECONDS, end, STEP)
        if len(curves) > _MOST_NAMES:
            # The highest ones get the names.
            curves.sort(key=_height, reverse=True)
        for curve in curves:
            scale = _DAY_S if panel.unit == "dtdurations" else 1
            points = [(float(at) - end, float(value) / scale) for at, value in curve["values"]]
            shown = [(at, value) for at, value in points if math.isfinite(value)]
            if not shown:
                continue
            label = _name(query.legend, curve["metric"]) if drawn < _MOST_NAMES else None
            axes.plot(*zip(*shown, strict=True), linewidth=0.9, label=label)
            drawn += 1
    axes.set_xlim(-SECONDS, 0)
    low, high = axes.get_ylim()
    # A curve along an edge would not be seen.
    axes.set_ylim(-0.04 * high, max(high, low + 1e-9) * 1.04)
    if drawn:
        axes.legend(fontsize=5, frameon=False, loc="best")
        axes.set_ylabel(_UNITS.get(panel.unit, panel.unit), fontsize=6)
        if panel.unit == "percentunit":
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        elif panel.unit in ("bytes", "Bps", "s"):
            axes.yaxis.set_major_formatter(EngFormatter())
    else:
        axes.text(0.5, 0.5, "nothing here", transform=axes.transAxes, ha="center", size=7)
        axes.set_yticks([])
    if drawn and panel.bad_from is not None and axes.get_ylim()[1] > panel.bad_from:
        axes.axhline(panel.bad_from, color="tab:red", linewidth=0.7, linestyle="--")


def draw(dashboard: Dashboard, prometheus: Prometheus, end: float) -> bytes:
    """Return a dashboard's picture, PNG with a palette."""
    rows = math.ceil(len(dashboard.panels) / _COLUMNS)
    figure = Figure(figsize=(11, 1.75 * rows + 0.3), dpi=100, layout="constrained")
    figure.suptitle(dashboard.title, fontsize=10, x=0.01, ha="left")
    axes = [*figure.subplots(rows, _COLUMNS, squeeze=False).flat]
    for place, panel in zip(axes, dashboard.panels, strict=False):
        _draw_panel(place, panel, prometheus, end)
    for place in axes[len(dashboard.panels) :]:
        place.axis("off")
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(_COLOURS).save(small, format="png", optimize=True)
    return small.getvalue()


async def _main() -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        running_system(Path(name)) as system,
        exporters(system),
    ):
        await load(system, Path(name))
        end = time.time()
        for dashboard in DASHBOARDS:
            picture = draw(dashboard, system.prometheus, end)
            (IMAGES / f"{dashboard.name}.png").write_bytes(picture)


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    asyncio.run(_main())
