"""The other profiles, each from nothing: what they add, and that it may be killed under calls."""

import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from tests.containers import checks
from tests.containers.calls import hold_open
from tests.containers.conftest import running_site
from tests.containers.site import Site
from tests.integration.callscribe.processes import until
from tests.unit.deploy import compose

pytestmark = pytest.mark.timeout(900)

PATIENCE = 120
MANY = 17
"""Gateways, each of which HAProxy has to know."""


@pytest.fixture
def make_site(engine, results, tmp_path) -> Iterator[Callable[..., Site]]:
    """Return a function that brings up a profile with a document's command."""
    with running_site(engine, tmp_path / "site") as site:

        def make(profile: str, *command: str, **variables: str) -> Site:
            site.say({n: v.replace("PASSWORD", site.password) for n, v in variables.items()})
            site.compose("build")
            results.of(profile).healthy_s = site.up(*command)
            checks.check_containers(site)
            return site

        yield make


def hear(site, results, profile, scheme="", port="CALLSCRIBE_PORT", flags=()):
    """Check a call, a file and the page; return the address for calls."""
    place = f"127.0.0.1:{site.ports[port]}"
    checks.check_call(f"ws{scheme}://{place}/ws/asr", *flags)
    checks.check_file(f"http{scheme}://{place}")
    checks.check_page(site)
    results.of(profile).heard = "right"
    return f"ws{scheme}://{place}/ws/asr"


def kill(site, callers, results, profile, url, *services):
    """Kill the first container of each service under calls; nothing may be lost."""
    victims = [site.containers(each)[0] for each in services]
    tally = callers.under(url, *(checks.killed(site, each) for each in victims))
    results.of(profile).add(tally, killed=len(victims))
    assert (tally.troubles, tally.words.wrong) == ([], 0)


def test_haproxy(make_site, callers, results):
    command = "docker compose --profile haproxy up --detach --scale proxy=0 --scale gateway=3"
    site = make_site("haproxy", command)
    url = hear(site, results, "haproxy")
    kill(site, callers, results, "haproxy", url, "gateway", "haproxy", "vad", "asr", "redis")


def test_haproxy_knows_more_gateways_than_a_few(make_site):
    command = "docker compose --profile haproxy up --detach --scale proxy=0 --scale gateway=3"
    site = make_site("haproxy", command)
    site.up(command, f"--scale gateway={MANY}")
    url = f"ws://127.0.0.1:{site.ports['CALLSCRIBE_PORT']}/ws/asr"

    def each_has_calls():
        # The next call goes to the gateway with the fewest.
        hold_open(url, MANY)
        logs = [site.engine.run("logs", each.name) for each in site.containers("gateway")]
        return all("session.opened" in log.stdout + log.stderr for log in logs)

    assert len(site.containers("gateway")) == MANY
    until(each_has_calls, PATIENCE)


def test_tls(make_site, callers, results, monkeypatch):
    site = make_site("tls", "docker compose --profile tls up --build --detach")
    site.sh("docker compose cp nginx:/etc/callscribe/tls/fullchain.pem .")
    certificate = site.folder / "fullchain.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    url = hear(site, results, "tls", "s", "HTTPS_PORT")
    status, _ = site.request("HTTP_PORT", "/")
    assert status == 308
    kill(site, callers, results, "tls", url, "nginx", "gateway", "redis")


def test_sentinel(make_site, callers, results):
    site = make_site(
        "sentinel",
        "docker compose up --build --detach --wait",
        COMPOSE_PROFILES="sentinel",
        CALLSCRIBE_REDIS_URL=(
            "redis+sentinel://:PASSWORD@sentinel:26379/callscribe?sentinel_password=PASSWORD"
        ),
    )
    url = hear(site, results, "sentinel")
    kill(site, callers, results, "sentinel", url, "redis", "redis-standby", "sentinel", "gateway")


def test_cluster(make_site, callers, results):
    site = make_site(
        "cluster",
        "docker compose up --build --detach",
        "--scale redis=0",
        COMPOSE_PROFILES="cluster",
        CALLSCRIBE_REDIS_URL=("redis+cluster://:PASSWORD@redis-1:6379,redis-2:6379,redis-3:6379"),
    )
    url = hear(site, results, "cluster")
    kill(site, callers, results, "cluster", url, "redis-1", "redis-2", "redis-5", "gateway")


def test_monitoring_without_grafana(make_site, callers, results):
    command = "docker compose --profile monitoring up --build --detach"
    # Compose looks for the image also of a service that it does not start.
    site = make_site(
        "monitoring", command, "--scale grafana=0", GRAFANA_IMAGE="stand-in/prometheus"
    )
    url = hear(site, results, "monitoring")

    def ask(path, **query):
        words = "&".join(f"{name}={quote(value)}" for name, value in query.items())
        status, text = site.request("PROMETHEUS_PORT", f"/api/v1/{path}?{words}")
        assert status == 200, text
        return json.loads(text)["data"]

    jobs = {"gateway", "workers", "prometheus", "redis", "node"}

    def scraped():
        targets = ask("targets")["activeTargets"]
        up = {each["labels"]["job"] for each in targets if each["health"] == "up"}
        return up == jobs and all(each["health"] == "up" for each in targets)

    until(scraped, PATIENCE)
    assert ask("rules")["groups"]
    until(lambda: len(ask("alertmanagers")["activeAlertmanagers"]) == 1, PATIENCE)
    assert site.request("ALERTMANAGER_PORT", "/-/ready")[0] == 200
    found = ask("query", query="sum(callscribe_endpoint_to_final_seconds_count)")["result"]
    assert found, "the call that was heard is counted"
    flags = ask("status/flags")
    assert flags["storage.tsdb.retention.size"] == "10GiB"
    assert flags["storage.tsdb.retention.time"] == "30d"
    kill(site, callers, results, "monitoring", url, "prometheus", "alertmanager", "node-exporter")


def test_a_user_of_redis_for_each_service(engine, tmp_path, callers, results):
    with running_site(engine, tmp_path / "site", [compose.USERS]) as site:
        site.compose("build", "gateway")
        began = time.monotonic()
        site.block("chmod 700 deploy/secrets\ndocker compose run")
        site.wait_healthy()
        results.of("users").healthy_s = time.monotonic() - began
        checks.check_containers(site)
        url = hear(site, results, "users")
        site.sh("docker compose run --rm operator keys list")
        kill(site, callers, results, "users", url, "redis", "asr")
