"""What an inventory may say, and how a wrong one is refused."""

import pytest

from callscribe.hosts.inventory import MOST, parse
from callscribe.hosts.roles import GATEWAY, ROLES
from common.errors import SettingsError
from tests.unit.callscribe.hosts.sites import INVENTORY, site
from tests.unit.deploy.units import UNITS

TWO = "[hosts.two]\n"


def changed(before: str, after: str) -> str:
    assert before in INVENTORY
    return INVENTORY.replace(before, after, 1)


def test_the_inventory_of_the_page_is_read():
    one, two, three = site().hosts
    assert (one.name, one.address, one.redis, one.prometheus) == ("one", "10.77.0.1", True, True)
    assert not one.roles
    assert not one.proxy
    assert [role.name for role in two.roles] == ["gateway", "vad", "denoise", "asr"]
    assert three.ports(GATEWAY) == [8000]
    assert site().redis == one
    assert site().proxies == [two, three]
    assert (site().maxmemory, site().variables, site().names) == ("2gb", {}, ())


def test_what_a_site_may_choose():
    chosen = site(
        'names = ["calls.example"]\ncertificate = "calls.pem"\nredis_maxmemory = "8gb"\n'
        "settings.max_sessions = 100\nsettings.asr_load = 0.9\nsettings.denoise_unavailable"
        ' = "continue"\nsettings.enable_noise_suppression = true\n'
    )
    assert (chosen.names, chosen.certificate) == (("calls.example",), "calls.pem")
    assert chosen.maxmemory == "8gb"
    assert chosen.variables == {
        "CALLSCRIBE_MAX_SESSIONS": "100",
        "CALLSCRIBE_ASR_LOAD": "0.9",
        "CALLSCRIBE_DENOISE_UNAVAILABLE": "continue",
        "CALLSCRIBE_ENABLE_NOISE_SUPPRESSION": "true",
    }


def test_there_is_a_role_for_each_unit():
    assert sorted(role.unit for role in ROLES.values()) == UNITS


def test_no_two_processes_of_a_host_share_a_port():
    host = parse(
        INVENTORY.replace("asr = 1", "\n".join(f"{name} = {MOST}" for name in ROLES), 1)
        .replace("gateway = 1", "", 1)
        .replace("vad = 1", "", 1)
        .replace("denoise = 1", "", 1)
    ).hosts[1]
    ports = [port for role in host.roles for port in host.ports(role)]
    ports += [port + 1000 for port in host.ports(GATEWAY)]
    assert len(set(ports)) == len(ports) == MOST * (len(ROLES) + 1)
    assert not set(ports) & {6379, 9090, 9121, 80, 443}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[hosts.one\n", "Expected ']' at the end of a table declaration (at line 1, column 11)"),
        ("host = 1\n", "host: no such key; did you mean hosts?"),
        ("hosts = 1\n", "hosts: 1 is not a table"),
        ("", "hosts: none has redis = true, and without it there are no calls"),
        (changed(TWO, '[hosts."Two hosts"]\n'), "hosts.Two hosts: 'Two hosts' cannot be the name"),
        (
            changed(TWO, "[hosts.secrets]\n"),
            "hosts.secrets: 'secrets' cannot be the name of a host",
        ),
        ("hosts.two = 3\n", "hosts.two: 3 is not a table"),
        (changed('address = "10.77.0.2"\n', ""), "hosts.two.address: it is missing"),
        (changed("10.77.0.2", "10.77.0"), "hosts.two.address: '10.77.0' is not an IPv4 address"),
        (
            changed("10.77.0.2", "127.0.0.1"),
            "hosts.two.address: other hosts do not reach 127.0.0.1",
        ),
        (changed("10.77.0.2", "10.77.0.1"), "hosts.two.address: 10.77.0.1 is that of one"),
        (changed("proxy = true", "proxy = 1"), "hosts.two.proxy: 1 is neither true nor false"),
        (changed("vad = 1", "vads = 1"), "hosts.two.vads: no such key; did you mean vad?"),
        (changed("vad = 1", "vad = 21"), "hosts.two.vad: 21 is not a whole number from 0 to 20"),
        (
            changed("vad = 1", "vad = true"),
            "hosts.two.vad: True is not a whole number from 0 to 20",
        ),
        (changed("vad = 1", "vad = -1"), "hosts.two.vad: -1 is not a whole number from 0 to 20"),
        (changed("proxy = true", "redis = true"), "hosts.two.redis: one has it, and only one can"),
        (changed("redis = true", ""), "hosts: none has redis = true"),
        (INVENTORY.replace("proxy = true", ""), "hosts: none has proxy = true"),
        (INVENTORY.replace("gateway = 1", ""), "hosts: none has gateway = 1"),
        (INVENTORY.replace("vad = 1", ""), "hosts: none has vad = 1"),
        (INVENTORY.replace("asr = 1", "asr = 0"), "hosts: none has asr = 1"),
        ('names = ["Calls"]\n', "names: 'Calls' is not a host name in small letters"),
        ("certificate = true\n", "certificate: True is not a text"),
        ('redis_maxmemory = "lots"\n', "redis_maxmemory: 'lots' is not a size such as"),
        (
            "x = 1\n",
            "x: no such key; there are names, certificate, redis_maxmemory, settings, hosts",
        ),
        ("settings.max_session = 1\n", "settings.max_session: no such setting; did you mean"),
        ("settings.max_sessions = 0\n", "settings.max_sessions: 0 is below the minimum, 1"),
        ('settings.max_sessions = "many"\n', "settings.max_sessions: 'many' is not a whole number"),
        ("settings.port = 1\n", "settings.port: it follows from the hosts"),
        ('settings.webhook_url = "a\\nb"\n', "settings.webhook_url: 'a\\nb' has a character that"),
    ],
)
def test_a_wrong_one_is_refused_by_its_line_or_key(text: str, sentence: str):
    with pytest.raises(SettingsError) as refused:
        parse(text)
    assert str(refused.value).startswith(sentence)
