"""The files that name every worker: units of systemd, and parts of what Compose starts.

A part lies between two comments in a file that is otherwise written by hand.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from callscribe.hosts.roles import WORKERS, Gpu, Role

ROOT = Path(__file__).resolve().parents[2]
BEGIN = "# --- of the roles: python -m deploy.roles ---"
END = "# --- end ---"

_UNIT = """\
# The instance is the port of /health, /ready and /metrics.

[Unit]
Description=callscribe: {does} (%i)
PartOf=callscribe-workers.target
# So that the gateways stop before.
Before=callscribe-workers.target

[Service]
ExecStartPre=/opt/callscribe/bin/callscribe check-config {command}
ExecStart=/opt/callscribe/bin/callscribe {command}
# A minute beyond the drain's own deadline, which ends the process by itself.
TimeoutStopSec=90
{limits}
[Install]
WantedBy=callscribe-workers.target
"""
_LARGE_MODELS = "# Enough for the bundled model; a larger one needs more.\n"
_DEVICES = """\
PrivateDevices=no
DevicePolicy=closed
# The driver's name of the devices, and the one that it had before version 550.
DeviceAllow=char-nvidia rw
DeviceAllow=char-nvidia-frontend rw
DeviceAllow=char-nvidia-uvm rw
# Parts of a card (MIG).
DeviceAllow=char-nvidia-caps r
"""
_NO_LIMIT = {
    Gpu.TORCH: "CUDA itself takes gigabytes of memory, so there is no MemoryMax.",
    Gpu.VLLM: "Models come into main memory first, so there is no MemoryMax.",
}
_NETLINK = """\
# Added to the drop-in's: PyTorch's processes find the network interfaces by netlink.
RestrictAddressFamilies=AF_NETLINK
"""


def files(roles: Sequence[Role] = WORKERS) -> Mapping[Path, str]:
    """Return what each file that names the workers holds."""
    units = {ROOT / "deploy" / "systemd" / f"{role.unit}@.service": unit(role) for role in roles}
    parts = {
        "docker-compose.yml": [_awaited(roles)],
        "deploy/prometheus/prometheus.yml": [_scraped(roles)],
        "deploy/redis-users.yml": [_users(roles), _passwords(roles)],
        "deploy/helm/callscribe/templates/_product.tpl": [_services(roles)],
    }
    return units | {ROOT / name: _with(ROOT / name, given) for name, given in parts.items()}


def unit(role: Role) -> str:
    """Return the template of a worker's units."""
    words = (role.service, "--metrics-port", "%i", "--drain-s", "30", *role.flags)
    return _UNIT.format(does=role.does, command=" ".join(words), limits=_limits(role))


def _limits(role: Role) -> str:
    if role.gpu is None:
        return (_LARGE_MODELS if "--engine" in role.flags else "") + f"MemoryMax={role.memory}\n"
    why = f"# PrivateDevices would hide the GPU. {_NO_LIMIT[role.gpu]}\n"
    return why + _DEVICES + (_NETLINK if role.gpu is Gpu.VLLM else "")


def _awaited(roles: Iterable[Role]) -> list[str]:
    return [
        f"{role.name}: {{condition: service_started{'' if role.usual else ', required: false'}}}"
        for role in roles
    ]


def _scraped(roles: Iterable[Role]) -> list[str]:
    return [f"- names: [{', '.join(role.name for role in roles)}]"]


def _users(roles: Iterable[Role]) -> list[str]:
    lines, defined = [], set[str]()
    for role in roles:
        user = role.service
        if user in defined:
            lines.append(f"{role.name}: *{user}")
            continue
        defined.add(user)
        lines += [
            f"{role.name}: &{user}",
            "  environment: *environment",
            f"  secrets: [{{source: redis-{user}, target: /run/secrets/redis/{user}}}]",
        ]
    return lines


def _passwords(roles: Iterable[Role]) -> list[str]:
    users = dict.fromkeys(role.service for role in roles)
    return [f"redis-{user}: {{file: ./deploy/secrets/redis/{user}}}" for user in users]


def _services(roles: Iterable[Role]) -> list[str]:
    names = ["gateway", *dict.fromkeys(role.service for role in roles)]
    return [f"services: [{', '.join(names)}]"]


def _with(path: Path, parts: Iterable[Sequence[str]]) -> str:
    """Return a file with other lines between its comments."""
    lines: list[str] = []
    left = iter(parts)
    inside = False
    for line in path.read_text().splitlines():
        if line.strip() == END:
            inside = False
        if not inside:
            lines.append(line)
        if line.strip() == BEGIN:
            inside = True
            margin = line[: line.index(BEGIN)]
            lines += [margin + each for each in next(left)]
    return "\n".join(lines) + "\n"
