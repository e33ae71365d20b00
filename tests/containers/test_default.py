"""The default profile: everything on one host, with nginx in front."""

from collections.abc import Iterator

import pytest

from tests.containers import checks
from tests.containers.conftest import running_site
from tests.containers.site import Site

pytestmark = pytest.mark.timeout(900)

IMAGES = ("gateway", "vad", "denoise", "asr-cpu")


@pytest.fixture(scope="module")
def site(engine, results, tmp_path_factory) -> Iterator[Site]:
    # What a busy machine measures must not send callers away.
    variables = {"CALLSCRIBE_ASR_LOAD": "0"}
    with running_site(engine, tmp_path_factory.mktemp("default"), variables) as site:
        site.compose("build")
        results.of("default").healthy_s = site.up("docker compose up --build --detach --wait")
        yield site


def url(site):
    return f"ws://127.0.0.1:{site.ports['CALLSCRIBE_PORT']}/ws/asr"


@pytest.mark.short
def test_containers_may_do_no_more_than_they_must(site):
    checks.check_containers(site)


@pytest.mark.short
def test_a_call_a_file_and_the_page(site, results):
    checks.check_call(url(site))
    checks.check_file(f"http://127.0.0.1:{site.ports['CALLSCRIBE_PORT']}")
    checks.check_page(site)
    results.of("default").heard = "right"


@pytest.mark.short
@pytest.mark.parametrize("image", IMAGES)
def test_an_image_shows_no_secret_and_has_no_root(site, results, image):
    results.images[f"callscribe-{image}"] = checks.check_image(site, f"callscribe-{image}")


@pytest.mark.short
def test_each_container_is_killed_under_calls(site, callers, results):
    callers.hear(url(site))
    victims = site.containers()
    tally = callers.under(url(site), *(checks.killed(site, each) for each in victims))
    results.of("default").add(tally, killed=len(victims))
    assert (tally.troubles, tally.words.wrong) == ([], 0)
