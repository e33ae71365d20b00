"""The stand-ins, and what of docker-compose.yml must differ where no registry is reached."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.containers.engine import Engine
from tests.containers.roots import CACHE, machine_files, python_root, servers_root
from tests.unit.deploy import compose

HERE = Path(__file__).resolve().parent
_BASE = {"PYTHON": "stand-in"}
VARIABLES = {
    "REDIS_IMAGE": "stand-in/valkey",
    "NGINX_IMAGE": "stand-in/nginx",
    "HAPROXY_IMAGE": "stand-in/haproxy",
    "PROMETHEUS_IMAGE": "stand-in/prometheus",
    "ALERTMANAGER_IMAGE": "stand-in/alertmanager",
    "REDIS_EXPORTER_IMAGE": "stand-in/redis-exporter",
    "NODE_EXPORTER_IMAGE": "stand-in/node-exporter",
}
"""Of .env: a stand-in for each image but that of Grafana, which no package has."""


def make_stand_ins(engine: Engine) -> None:
    """Build the stand-ins from Debian's packages."""
    files = CACHE / "machine"
    machine_files(files)
    for name, root in (("python", python_root()), ("servers", servers_root())):
        _import(engine, f"callscribe-{name}-root", root)
    variables = {"MACHINE_FILES": str(files), "DOCKERFILE": str(HERE / "stand-ins.Dockerfile")}
    engine.env = {**engine.env, **variables}
    engine.run("compose", "--file", str(HERE / "stand-ins.yml"), "build")


def _import(engine: Engine, image: str, root: Path) -> None:
    """Make an image of an archive, unless that was done: its tag says of which."""
    if not engine.lines("images", "--quiet", f"{image}:{root.stem}"):
        engine.run("import", str(root), f"{image}:{root.stem}")
    engine.run("tag", f"{image}:{root.stem}", image)
    for tag in set(engine.lines("images", "--format", "{{.Tag}}", image)) - {root.stem, "latest"}:
        engine.run("rmi", f"{image}:{tag}")


def write_override(engine: Engine, path: Path, *others: Path) -> None:
    """Write the last file of COMPOSE_FILE, which builds images on the stand-in of their base.

    `others` are the files between the first and this one. A machine may allow fewer open files than
    the proxies ask for.
    """
    services: dict[str, Any] = {}
    for name, service in compose.read({}, *others)["services"].items():
        services[name] = {}
        if "build" in service:
            services[name]["build"] = {"network": "host", "args": _BASE}
        if "ulimits" in service:
            services[name]["ulimits"] = {"nofile": engine.open_files}
    with path.open("w") as file:
        YAML().dump({"services": services}, file)
