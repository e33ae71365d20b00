"""The chart: who may connect to whom, as Kubernetes evaluates the policies together."""

import ipaddress
from dataclasses import dataclass, field

import pytest
from ruamel.yaml import YAML

from tests.documents import block
from tests.unit.deploy.sites import VALUES, WHOLE, of_kind, rendered, services

ADMIN_PORT = 9101

PRODUCT = {
    "app.kubernetes.io/name": "callscribe",
    "app.kubernetes.io/instance": "callscribe",
}


@dataclass(frozen=True)
class Peer:
    """A pod of some namespace with labels, or an address outside."""

    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    address: str = ""


def ours(name):
    return Peer("callscribe", {"app.kubernetes.io/component": name, **PRODUCT})


INGRESS = Peer("ingress-nginx", {"app": "nginx"})
PROMETHEUS = Peer("monitoring", {"app": "prometheus"})
STRANGER = Peer("default", {"app": "anything"})
NEIGHBOUR = Peer("callscribe", {"app": "anything"})
INTERNET = Peer(address="203.0.113.9")


def selects(selector, labels):
    wanted = selector.get("matchLabels", {})
    ways = selector.get("matchExpressions", ())
    assert all(each["operator"] == "In" for each in ways)
    return wanted.items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in ways
    )


def matches(rule, peer):
    if "ipBlock" in rule:
        if not peer.address:
            return False
        address, block = ipaddress.ip_address(peer.address), rule["ipBlock"]
        inside = address in ipaddress.ip_network(block["cidr"])
        return inside and not any(
            address in ipaddress.ip_network(each) for each in block.get("except", ())
        )
    if peer.address:
        return False
    if "namespaceSelector" in rule:
        name = rule["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        return name == peer.namespace and selects(rule.get("podSelector", {}), peer.labels)
    return peer.namespace == "callscribe" and selects(rule["podSelector"], peer.labels)


def policies(site):
    """Return the policies of a site by its name, or of rendered objects."""
    if isinstance(site, str):
        return of_kind(site, "NetworkPolicy").values()
    return [each for (kind, _), each in site.items() if kind == "NetworkPolicy"]


def allows(site, way, pod, peer, port):
    """Whether the policies that select `pod` let it talk to `peer`; all may, where none does."""
    if pod.namespace != "callscribe":
        return True
    kinds = [
        each["spec"]
        for each in policies(site)
        if selects(each["spec"]["podSelector"], pod.labels) and way in each["spec"]["policyTypes"]
    ]
    ends = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}[way]
    return not kinds or any(
        {"protocol": "TCP", "port": port} in rule["ports"]
        and any(matches(each, peer) for each in rule[ends[1]])
        for spec in kinds
        for rule in spec.get(ends[0], ())
    )


def reaches(site, source, target, port):
    out = bool(source.address) or allows(site, "Egress", source, target, port)
    return out and (bool(target.address) or allows(site, "Ingress", target, source, port))


@pytest.mark.parametrize("name", services("small"))
def test_every_service_reaches_the_bundled_redis(name):
    assert reaches("small", ours(name), ours("redis"), 6379)


@pytest.mark.parametrize(
    "peer", [INGRESS, PROMETHEUS, STRANGER, NEIGHBOUR, INTERNET, ours("redis"), ours("elsewhere")]
)
def test_nothing_else_reaches_redis(peer):
    assert not reaches("small", peer, ours("redis"), 6379)


def test_a_redis_elsewhere_is_reached_in_its_networks_alone():
    for name in services("large"):
        assert reaches("large", ours(name), Peer(address="10.20.0.7"), 26379)
        assert not reaches("large", ours(name), Peer(address="10.21.0.7"), 6379)
        assert not reaches("large", ours(name), Peer(address="10.20.0.7"), 22)
    job = ours("models")
    assert not reaches("gpu", job, Peer(address="10.20.0.7"), 6379)


@pytest.mark.parametrize("site", WHOLE)
def test_the_gateways_are_reached_by_the_ingress_alone(site):
    assert reaches(site, INGRESS, ours("gateway"), 8000)
    for peer in (PROMETHEUS, STRANGER, NEIGHBOUR, INTERNET, ours("vad")):
        assert not reaches(site, peer, ours("gateway"), 8000)


@pytest.mark.parametrize("site", WHOLE)
def test_prometheus_alone_reaches_the_operators_port(site):
    scraped = VALUES[site]["monitoring"]["enabled"]
    assert reaches(site, PROMETHEUS, ours("gateway"), ADMIN_PORT) == scraped
    telephone = Peer(address="10.30.4.4")
    for peer in (INGRESS, STRANGER, NEIGHBOUR, INTERNET, telephone, ours("vad"), ours("gateway")):
        assert not reaches(site, peer, ours("gateway"), ADMIN_PORT)
    published = of_kind(site, "Service")["gateway"]["spec"]["ports"]
    assert not {"admin", ADMIN_PORT} & {value for each in published for value in each.values()}


def test_telephones_reach_their_ports_from_their_networks():
    telephone = Peer(address="10.30.4.4")
    assert reaches("large", telephone, ours("gateway"), 9092)
    assert not reaches("large", telephone, ours("gateway"), 9100)
    assert not reaches("large", INTERNET, ours("gateway"), 9092)
    assert not reaches("large", INGRESS, ours("gateway"), 9092)


def test_a_load_balancer_leaves_callers_their_addresses_and_admits_their_networks_alone():
    spec = of_kind("large", "Service")["gateway"]["spec"]
    assert spec["type"] == "LoadBalancer"
    assert spec["externalTrafficPolicy"] == "Local"
    assert spec["loadBalancerSourceRanges"] == ["10.30.0.0/16"]
    alone = rendered("large", {"access.networks": ["10.30.0.7"]})["Service", "gateway"]["spec"]
    assert alone["loadBalancerSourceRanges"] == ["10.30.0.7/32"]
    inside = rendered("large", {"access.serviceType": "ClusterIP"})["Service", "gateway"]["spec"]
    assert not {"externalTrafficPolicy", "loadBalancerSourceRanges"} & inside.keys()


@pytest.mark.parametrize("site", ["large", "gpu"])
def test_prometheus_alone_reaches_the_workers(site):
    for name in services(site).keys() - {"gateway"}:
        assert reaches(site, PROMETHEUS, ours(name), 9100)
        for peer in (INGRESS, STRANGER, NEIGHBOUR, INTERNET, ours("gateway")):
            assert not reaches(site, peer, ours(name), 9100)


@pytest.mark.parametrize("site", WHOLE)
def test_nothing_calls_out_but_the_download(site):
    for name in services(site):
        assert not reaches(site, ours(name), INTERNET, 443)
        assert not reaches(site, ours(name), STRANGER, 80)
    assert bool(of_kind(site, "Job")) == (site == "gpu")
    assert reaches("gpu", ours("models"), INTERNET, 443)
    assert not reaches("gpu", ours("models"), Peer(address="10.0.0.1"), 443)


def test_gateways_alone_send_spans_to_the_collector():
    shown = YAML(typ="safe").load(block("docs/kubernetes.md", "gateway:\n  settings:"))
    changes = {
        "gateway.settings.otlp_endpoint": shown["gateway"]["settings"]["otlp_endpoint"],
        "collector": shown["collector"],
    }
    site = rendered("small", changes)
    collector = Peer("tracing", {"app": "collector"})
    assert reaches(site, ours("gateway"), collector, 4318)
    assert not reaches(site, ours("gateway"), collector, 4317)
    for peer in (STRANGER, Peer("default", collector.labels), INTERNET):
        assert not reaches(site, ours("gateway"), peer, 4318)
    assert not reaches(site, ours("vad"), collector, 4318)
    assert not reaches("small", ours("gateway"), collector, 4318)


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_a_collector_outside_is_reached_in_its_networks_alone(scheme, port):
    changes = {
        "gateway.settings.otlp_endpoint": f"{scheme}://spans.example.com/otlp",
        "collector.networks": ["10.40.0.0/24"],
    }
    site = rendered("small", changes)
    assert reaches(site, ours("gateway"), Peer(address="10.40.0.7"), port)
    assert not reaches(site, ours("gateway"), Peer(address="10.40.0.7"), 4318)
    assert not reaches(site, ours("gateway"), Peer(address="10.41.0.7"), port)


PRIVATE = Peer(address="10.50.0.7")


@pytest.mark.parametrize(
    ("settings", "reached", "refused"),
    [
        (
            {"webhook_url": "https://hooks.example.com/calls"},
            [(INTERNET, 443)],
            [(INTERNET, 80), (INTERNET, 8443), (PRIVATE, 443)],
        ),
        (
            {"webhook_url": "http://hooks:8080/", "webhook_networks": "10.50.0.7, 10.51.0.0/16"},
            [(INTERNET, 8080), (PRIVATE, 8080), (Peer(address="10.51.3.3"), 8080)],
            [(PRIVATE, 443), (Peer(address="10.50.0.8"), 8080), (Peer(address="10.52.0.1"), 8080)],
        ),
        ({"webhook_url": "http://hooks.example.com/"}, [(INTERNET, 80)], [(INTERNET, 443)]),
        (
            {"webhook_url": "https://10.50.0.7:9443/"},
            [(PRIVATE, 9443)],
            [(PRIVATE, 443), (Peer(address="10.50.0.8"), 9443)],
        ),
        (
            {"webhook_hosts": "hooks.example.com, 10.50.0.7"},
            [(INTERNET, 443), (PRIVATE, 443)],
            [(INTERNET, 80), (Peer(address="10.50.0.8"), 443)],
        ),
    ],
)
def test_gateways_alone_reach_where_webhooks_go(settings, reached, refused):
    changes = {f"gateway.settings.{name}": each for name, each in settings.items()}
    site = rendered("small", {"gateway.webhookSecret": "hooks", **changes})
    for peer, port in reached:
        assert reaches(site, ours("gateway"), peer, port)
        assert not reaches(site, ours("vad"), peer, port)
        assert not reaches("small", ours("gateway"), peer, port)
    for peer, port in refused:
        assert not reaches(site, ours("gateway"), peer, port)


def test_gateways_alone_reach_where_sinks_are():
    shown = YAML(typ="safe").load(block("docs/kubernetes.md", "sinks:\n  secret"))["sinks"]
    site = rendered("small", {f"sinks.{name}": each for name, each in shown.items()})
    database, elsewhere = Peer(address="10.60.0.7"), Peer(address="10.61.0.7")
    assert reaches(site, ours("gateway"), database, 5432)
    assert not reaches(site, ours("gateway"), database, 22)
    assert not reaches(site, ours("gateway"), elsewhere, 5432)
    assert not reaches(site, ours("vad"), database, 5432)
    assert not reaches("small", ours("gateway"), database, 5432)


def test_the_page_shows_a_receiver_in_the_cluster():
    shown = YAML(typ="safe").load(block("docs/kubernetes.md", "gateway:\n  webhookSecret"))[
        "gateway"
    ]
    changes = {f"gateway.settings.{name}": each for name, each in shown["settings"].items()}
    site = rendered("small", {"gateway.webhookSecret": shown["webhookSecret"], **changes})
    assert reaches(site, ours("gateway"), Peer(address="10.1.2.3"), 8080)
    assert not reaches(site, ours("gateway"), Peer(address="192.168.1.1"), 8080)


def test_an_address_alone_becomes_a_network():
    site = rendered("large", {"redis.networks": ["10.20.0.7"]})
    blocks = [
        peer["ipBlock"]["cidr"]
        for policy in policies(site)
        for rule in policy["spec"].get("egress", ())
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    assert "10.20.0.7/32" in blocks
    assert all("/" in each for each in blocks)
    assert reaches(site, ours("gateway"), Peer(address="10.20.0.7"), 6379)


def resolves(site, name, peer, port):
    """Whether a pod may ask a resolver, over UDP and TCP."""
    rules = [
        rule
        for each in policies(site)
        if selects(each["spec"]["podSelector"], ours(name).labels)
        for rule in each["spec"].get("egress", ())
        if {"protocol": "UDP", "port": port} in rule["ports"]
    ]
    udp = any(matches(each, peer) for rule in rules for each in rule["to"])
    return udp and reaches(site, ours(name), peer, port)


@pytest.mark.parametrize("site", WHOLE)
def test_names_are_resolved_by_everything_also_with_a_cache_on_each_node(site):
    cache = Peer(address="169.254.20.10")
    for name in [*services(site), "redis", "models"]:
        assert resolves(site, name, Peer("kube-system", {"k8s-app": "kube-dns"}), 53)
        assert resolves(site, name, cache, 53)
        # That of a cloud's metadata is such an address, too.
        assert not resolves(site, name, Peer(address="169.254.169.254"), 53)
        assert not resolves(site, name, STRANGER, 53)


def test_openshift_has_resolvers_of_its_own():
    resolver = Peer("openshift-dns", {"dns.operator.openshift.io/daemonset-dns": "default"})
    for name in services("small"):
        assert resolves("openshift", name, resolver, 5353)
        assert not resolves("openshift", name, Peer("kube-system"), 53)
    assert reaches("openshift", Peer("openshift-ingress"), ours("gateway"), 8000)


def test_resolvers_may_be_anywhere():
    changes = {"dns": {"namespaces": [], "networks": ["10.96.0.0/28"], "ports": [53, 5353]}}
    site = rendered("small", changes)
    for port in (53, 5353):
        assert resolves(site, "vad", Peer(address="10.96.0.10"), port)
    assert not resolves(site, "vad", Peer("kube-system"), 53)
