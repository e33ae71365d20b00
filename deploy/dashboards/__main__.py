"""Write every dashboard's file into deploy/grafana/dashboards: `python -m deploy.dashboards`."""

from pathlib import Path

from deploy.dashboards.description import DASHBOARDS
from deploy.dashboards.grafana import text_of

FOLDER = Path(__file__).resolve().parents[1] / "grafana" / "dashboards"


def files() -> dict[Path, str]:
    """Return the text of each file that belongs into the folder."""
    return {FOLDER / f"{each.name}.json": text_of(each) for each in DASHBOARDS}


if __name__ == "__main__":
    for stray in {*FOLDER.glob("*.json")} - {*files()}:
        stray.unlink()
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
