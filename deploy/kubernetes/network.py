"""Who reaches whom: the gateways' Service and Ingress, and a policy for each allowed way."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deploy.kubernetes import models, redis, webhooks
from deploy.kubernetes.processes import (
    ADMIN_PORT,
    HTTP_PORT,
    METRICS_PORT,
    collector_port,
    labels,
    metadata,
    telephone_ports,
)
from deploy.kubernetes.values import Ingress, Values

_ALL = {"matchLabels": {"app.kubernetes.io/part-of": "callscribe"}}
_PRIVATE = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]


def gateway_service(values: Values) -> dict[str, Any]:
    """Return the gateways under one name; no call needs to come back to the same one.

    The operators' port is not in it: Prometheus asks each pod, and nobody else may.
    """
    named = {"http": HTTP_PORT, **telephone_ports(values.gateway)}
    outside: dict[str, Any] = {}
    if values.access and values.access.service_type == "LoadBalancer":
        outside = {
            # Otherwise a node would put its own address in place of the caller's, which the
            # policy and the limits by client need.
            "externalTrafficPolicy": "Local",
            "loadBalancerSourceRanges": _cidrs(values.access.networks),
        }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(values, "gateway"),
        "spec": {
            "type": values.access.service_type if values.access else "ClusterIP",
            **outside,
            "selector": labels("gateway"),
            "ports": [
                {"name": name, "port": port, "targetPort": name} for name, port in named.items()
            ],
        },
    }


def ingress(values: Values, way: Ingress) -> dict[str, Any]:
    """Return the Ingress, with TLS."""
    backend = {"service": {"name": "gateway", "port": {"name": "http"}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(values, "gateway", annotations=dict(way.annotations)),
        "spec": {
            "ingressClassName": way.class_name,
            "tls": [{"hosts": [way.host], "secretName": way.tls_secret}],
            "rules": [{"host": way.host, "http": {"paths": [path]}}],
        },
    }


def policies(values: Values) -> list[dict[str, Any]]:
    """Return the policies. The first denies everything; each other one allows one way."""
    clients = [*values.services()]
    found = [
        _policy(values, "deny", _ALL, {"policyTypes": ["Ingress", "Egress"]}),
        _policy(values, "names", _ALL, _out([_namespace("kube-system")], [53], ("UDP", "TCP"))),
    ]
    if values.redis.bundled:
        server = {"matchLabels": labels("redis")}
        way_in = _in([{"podSelector": _any_of(clients)}], [redis.PORT])
        found.append(_policy(values, "redis", server, way_in))
        way_out = _out([{"podSelector": server}], [redis.PORT])
    else:
        way_out = _out(_blocks(values.redis.networks), values.redis.ports)
    found.append(_policy(values, "to-redis", _any_of(clients), way_out))
    gateway = {"matchLabels": labels("gateway")}
    if values.ingress:
        controller = [_namespace(values.ingress.controller_namespace)]
        found.append(_policy(values, "ingress", gateway, _in(controller, [HTTP_PORT])))
    if values.access:
        own_ports = [HTTP_PORT, *telephone_ports(values.gateway).values()]
        networks = _blocks(values.access.networks)
        found.append(_policy(values, "access", gateway, _in(networks, own_ports)))
    if values.monitoring:
        scraper = [_namespace(values.monitoring.namespace)]
        workers = _any_of(name for name in clients if name != "gateway")
        found.append(_policy(values, "gateway-metrics", gateway, _in(scraper, [ADMIN_PORT])))
        found.append(_policy(values, "metrics", workers, _in(scraper, [METRICS_PORT])))
    public = [{"ipBlock": {"cidr": "0.0.0.0/0", "except": _PRIVATE}}]
    if webhooks.active(values.gateway):
        peers = public + _blocks(webhooks.networks(values.gateway))
        ports = webhooks.ports(values.gateway)
        found.append(_policy(values, "webhooks", gateway, _out(peers, ports)))
    if values.collector:
        there = values.collector
        peers = [_namespace(there.namespace)] if there.namespace else _blocks(there.networks)
        port = collector_port(values.gateway)
        found.append(_policy(values, "collector", gateway, _out(peers, [port])))
    if values.models and values.models.download:
        job = {"matchLabels": labels(models.NAME)}
        found.append(_policy(values, "models", job, _out(public, [443])))
    return found


def _policy(
    values: Values, name: str, selector: Mapping[str, Any], rules: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(values, f"callscribe-{name}"),
        "spec": {"podSelector": selector, **rules},
    }


def _in(peers: list[dict[str, Any]], ports: Sequence[int]) -> dict[str, Any]:
    rule = {"from": peers, "ports": _ports(ports, ("TCP",))}
    return {"policyTypes": ["Ingress"], "ingress": [rule]}


def _out(
    peers: list[dict[str, Any]], ports: Sequence[int], protocols: Sequence[str] = ("TCP",)
) -> dict[str, Any]:
    rule = {"to": peers, "ports": _ports(ports, protocols)}
    return {"policyTypes": ["Egress"], "egress": [rule]}


def _ports(ports: Sequence[int], protocols: Sequence[str]) -> list[dict[str, Any]]:
    return [{"protocol": protocol, "port": port} for protocol in protocols for port in ports]


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _blocks(networks: Iterable[str]) -> list[dict[str, Any]]:
    return [{"ipBlock": {"cidr": each}} for each in _cidrs(networks)]


def _cidrs(networks: Iterable[str]) -> list[str]:
    # An address alone is no CIDR.
    return [str(ipaddress.ip_network(each)) for each in networks]


def _any_of(names: Iterable[str]) -> dict[str, Any]:
    wanted = {"key": "app.kubernetes.io/name", "operator": "In", "values": [*names]}
    return {"matchLabels": _ALL["matchLabels"], "matchExpressions": [wanted]}
