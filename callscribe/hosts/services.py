"""callscribe's own processes on a host: units, settings, passwords, certificates. Pure."""

from collections.abc import Mapping

from callscribe.hosts.file import DIRECTORY, UNITS, Files, drop_in, public, secret
from callscribe.hosts.inventory import Host, Inventory
from callscribe.hosts.redis import url
from callscribe.hosts.roles import ADMIN_OFFSET, GATEWAY, Role

_TARGETS = {True: "callscribe.target", False: "callscribe-workers.target"}
"""By whether it is for gateways: they stop first."""


def files(
    site: Inventory, host: Host, units: Mapping[str, str], passwords: Mapping[str, str]
) -> Files:
    """Return the files of a host that has roles; `units`: those of deploy/systemd."""
    own = (*_TARGETS.values(), "callscribe-.service.d/callscribe.conf")
    found: Files = {f"{UNITS}/{name}": public(units[name]) for name in own}
    found[f"{DIRECTORY}/callscribe.env"] = secret(_environment(site, host))
    for is_gateway, target in _TARGETS.items():
        if wanted := _wanted(host, is_gateway):
            found[drop_in(target)] = public(f"[Unit]\nWants={' '.join(wanted)}\n")
    for role in host.roles:
        unit = f"{role.unit}@.service"
        found[f"{UNITS}/{unit}"] = public(units[unit])
        found[drop_in(unit)] = public(_drop_in(site, role))
        found[f"{DIRECTORY}/redis/{role.service}"] = secret(passwords[role.service] + "\n")
    for port in host.ports(GATEWAY):
        own_port = f"CALLSCRIBE_ADMIN_PORT={port + ADMIN_OFFSET}\n"
        found[f"{DIRECTORY}/{GATEWAY.unit}@{port}.env"] = secret(own_port)
    return found


def _wanted(host: Host, is_gateway: bool) -> list[str]:
    roles = [role for role in host.roles if (role is GATEWAY) == is_gateway]
    return [f"{role.unit}@{port}.service" for role in roles for port in host.ports(role)]


def _environment(site: Inventory, host: Host) -> str:
    """Return the variables of all processes of a host; the site's own are the last."""
    variables = {
        "CALLSCRIBE_HOST": host.address,
        "CALLSCRIBE_ADMIN_HOST": host.address,
        "CALLSCRIBE_METRICS_HOST": host.address,
        "CALLSCRIBE_TRUSTED_PROXIES": ",".join(each.address for each in site.proxies),
        **site.variables,
    }
    # In single quotes systemd changes nothing.
    return "".join(f"{name}='{text}'\n" for name, text in variables.items())


def _drop_in(site: Inventory, role: Role) -> str:
    """Return what a service gets besides; systemd reads root's files and hands it copies."""
    lines = [
        "[Service]",
        f"LoadCredential={role.service}:{DIRECTORY}/redis/{role.service}",
        f"Environment=CALLSCRIBE_REDIS_URL={url(site, '%d')}",
    ]
    if role is GATEWAY:
        lines += [
            f"LoadCredential=privkey.pem:{DIRECTORY}/privkey.pem",
            f"Environment=CALLSCRIBE_SSL_CERTFILE={DIRECTORY}/fullchain.pem",
            "Environment=CALLSCRIBE_SSL_KEYFILE=%d/privkey.pem",
        ]
    return "\n".join([*lines, ""])
