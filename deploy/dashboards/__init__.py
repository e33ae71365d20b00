"""Grafana's dashboards, described once: `python -m deploy.dashboards` writes their files."""
