import pytest

from callscribe.commands.stack_flags import usual_ports
from callscribe.commands.up import with_usual_ports
from callscribe.local.plan import lay_out
from common.settings import load
from gateway.settings import GatewaySettings

TCP, WEB_SOCKET = "CALLSCRIBE_STREAM_PORT", "CALLSCRIBE_STREAM_WS_PORT"


def test_every_protocol_with_a_port_of_its_own_gets_the_usual_one():
    env = with_usual_ports({"HOME": "/root"})
    assert env == {"HOME": "/root", **usual_ports()}
    assert (env[TCP], env[WEB_SOCKET]) == ("43007", "43008")
    gateway, *_ = lay_out({}, env)
    assert load(GatewaySettings, [], gateway.env).stream_port == 43007


@pytest.mark.parametrize(("name", "text"), [(TCP, "none"), (TCP, "0"), ("STREAM_PORT", "7")])
def test_a_port_that_is_given_stays(name, text):
    env = with_usual_ports({name: text})
    assert env[name] == text
    assert env.get(TCP, text) == text
    assert env[WEB_SOCKET] == "43008"


def test_a_gateway_alone_has_none():
    settings = GatewaySettings()
    assert settings.stream_port is None
    assert settings.stream_ws_port is None
