"""The default profile: everything on one host, with nginx in front."""

from collections.abc import Iterator

import pytest

from tests.containers import checks
from tests.containers.conftest import running_site
from tests.containers.site import Site
from tests.integration.callscribe.processes import until

pytestmark = pytest.mark.timeout(900)

IMAGES = ("gateway", "vad", "denoise", "asr-cpu")
SCALED = "--scale gateway=3 --scale vad=2 --scale asr=2"


@pytest.fixture(scope="module")
def site(engine, results, tmp_path_factory) -> Iterator[Site]:
    with running_site(engine, tmp_path_factory.mktemp("default")) as site:
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
    victims = site.containers()
    tally = callers.under(url(site), *(checks.killed(site, each) for each in victims))
    results.of("default").add(tally, killed=len(victims))
    assert (tally.troubles, tally.words.wrong) == ([], 0)


def test_each_process_that_dies_is_started_again(site, results):
    victims = site.containers()
    for each in victims:
        checks.crashed(site, each)()
    results.of("default").killed += len(victims)


def test_more_of_each_are_restarted_under_calls(site, callers, results):
    site.up("docker compose up --detach --scale gateway=3 --scale vad=2 --scale asr=4", SCALED)
    assert [len(site.containers(each)) for each in ("gateway", "vad", "asr")] == [3, 2, 2]
    victims = site.containers()
    tally = callers.under(url(site), *(checks.restarted(site, each) for each in victims))
    results.of("scaled").add(tally, restarted=len(victims))
    assert (tally.troubles, tally.words.wrong) == ([], 0)


def test_more_of_each_are_killed_under_calls(site, callers, results):
    victims = [
        each for name in ("gateway", "vad", "asr", "redis") for each in site.containers(name)
    ]
    tally = callers.under(url(site), *(checks.killed(site, each) for each in victims))
    results.of("scaled").add(tally, killed=len(victims))
    assert (tally.troubles, tally.words.wrong) == ([], 0)


def test_images_of_another_tag_replace_all_under_calls(site, callers, results):
    """What Compose replaces together comes back within the time that a call is kept for."""
    with (site.folder / "callscribe" / "__init__.py").open("a") as file:
        file.write("# Another state of the sources.\n")
    before = {each.state["Image"] for each in site.containers("gateway")}
    site.say({"IMAGE_TAG": "another"})
    site.compose("build")

    def replace():
        site.up("docker compose up --build --detach --wait", SCALED)

    tally = callers.under(url(site), replace)
    results.of("scaled").add(tally, restarted=len(site.containers()))
    assert (tally.troubles, tally.words.wrong) == ([], 0)
    after = {each.state["Image"] for each in site.containers("gateway")}
    assert len(after) == 1
    assert not after & before


def test_ports_are_opened_with_keys_alone(site):
    """127.0.0.2 stands for the host's other addresses."""
    opened = "127.0.0.2"
    site.say({"PUBLISH": opened})
    site.run("docker compose up --detach --scale gateway=1 --no-deps gateway")
    until(lambda: "with PUBLISH say false or true" in site.logs("gateway"), 60)
    site.say({"CALLSCRIBE_NO_AUTH": "false"})
    key = site.sh("docker compose run --rm -T gateway keys create --tenant acme").split()[-1]
    site.up("docker compose up --detach")
    place = f"{opened}:{site.ports['CALLSCRIBE_PORT']}"
    page = "/v1/sessions"
    assert site.request("CALLSCRIBE_PORT", page, address=opened)[0] == 401
    authorized = {"Authorization": f"Bearer {key}"}
    assert site.request("CALLSCRIBE_PORT", page, address=opened, **authorized)[0] == 200
    checks.check_call(f"ws://{place}/ws/asr", "--api-key", key)
    checks.check_file(f"http://{place}", key)
    with pytest.raises(ConnectionRefusedError):
        site.request("CALLSCRIBE_PORT", page)
