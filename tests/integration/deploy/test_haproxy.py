"""What HAProxy alone does: it has places for so many gateways, and says when they are taken."""

from tests.integration.callscribe.processes import until
from tests.integration.deploy.front import ADDRESS, page, proxy_before
from tests.integration.deploy.host import running_host

FEW = {"server-template gateway 65 ": "server-template gateway 2 ", "gt 64": "gt 1"}
"""Room for one gateway instead of 64."""


def test_a_gateway_beyond_its_places_makes_it_unhealthy(tmp_path):
    with running_host(tmp_path, scale={"gateway": 2, "denoise": 0}) as host:
        one, other = host.of("gateway")
        assert other.stop() == 0
        with proxy_before(host, "haproxy", FEW):
            other.start()
            until(lambda: page(ADDRESS, host.ports[8000]) == 503)
            assert one.stop() == 0
            until(lambda: page(ADDRESS, host.ports[8000]) == 200)
