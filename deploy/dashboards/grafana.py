"""A dashboard as Grafana reads it from a file (its classic JSON, schema 39)."""

import json
from typing import Any

from deploy.dashboards.panels import Choice, Dashboard, Panel, Query

TAG = "callscribe"
_SOURCE = {"type": "prometheus", "uid": "${source}"}
"""The reader chooses among Grafana's data sources; Grafana's default one comes first."""
_COLUMNS, _CURVES, _FIGURE = 24, (12, 8), (6, 4)
"""Of Grafana's grid: its width, and width and height of the two kinds of panels."""


def text_of(dashboard: Dashboard) -> str:
    """Return the text of a dashboard's file."""
    return json.dumps(_dashboard(dashboard), indent=1) + "\n"


def _dashboard(dashboard: Dashboard) -> dict[str, Any]:
    variables: list[dict[str, Any]] = [
        {"name": "source", "type": "datasource", "query": "prometheus", "label": "source"}
    ]
    if dashboard.choice is not None:
        variables.append(_variable(dashboard.choice))
    others = {"type": "dashboards", "tags": [TAG], "title": "others", "asDropdown": True}
    return {
        "uid": dashboard.name,
        "title": dashboard.title,
        "tags": [TAG],
        "schemaVersion": 39,
        "editable": False,
        "timezone": "browser",
        "time": {"from": "now-3h", "to": "now"},
        "refresh": "30s",
        "links": [others | {"keepTime": True}],
        "templating": {"list": variables},
        "panels": _panels(dashboard),
    }


def _variable(choice: Choice) -> dict[str, Any]:
    values = f"label_values({choice.metric}, {choice.label})"
    return {
        "name": choice.name,
        "label": choice.name,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": values, "refId": choice.name},
        "definition": values,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _panels(dashboard: Dashboard) -> list[dict[str, Any]]:
    """Lay the panels out in rows, from left to right."""
    panels, x, y, height = [], 0, 0, 0
    for number, panel in enumerate(dashboard.panels, 1):
        width, own = _FIGURE if panel.figure else _CURVES
        if panel.wide:
            width = _COLUMNS
        if x + width > _COLUMNS or (x and own != height):
            x, y = 0, y + height
        height = own
        where = {"x": x, "y": y, "w": width, "h": height}
        panels.append(_panel(panel, number) | {"gridPos": where})
        x += width
    return panels


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bad_from is not None:
        steps.append({"color": "red", "value": panel.bad_from})
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    options: dict[str, Any]
    if panel.figure:
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"}
    else:
        style = "off" if panel.bad_from is None else "dashed"
        defaults |= {"min": 0, "custom": {"fillOpacity": 8, "thresholdsStyle": {"mode": style}}}
        options = {"tooltip": {"mode": "multi", "sort": "desc"}, "legend": {"displayMode": "list"}}
    return {
        "id": number,
        "type": "stat" if panel.figure else "timeseries",
        "title": panel.title,
        "description": panel.text,
        "datasource": _SOURCE,
        "targets": [_target(query, n) for n, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
    }


def _target(query: Query, number: int) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + number),
        "datasource": _SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
    }
