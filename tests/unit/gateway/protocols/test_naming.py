"""What a URL says of its call."""

import pytest

from gateway.protocols import PROTOCOLS
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import About, Open
from gateway.protocols.naming import about
from tests.contract.test_protocols import DEFAULTS, DIALOGUES, said


def test_a_url_names_the_conversation_and_the_channels():
    query = {"conversation_id": ["case 7"], "channel_labels": ["agent, customer"]}
    query["webhook"] = ["https://example.com/finals"]
    expected = About(
        labels=("agent", "customer"),
        conversation="case 7",
        name="n",
        webhook="https://example.com/finals",
    )
    assert about(Request(query=query), channels=2, name="n") == expected
    assert about(Request()) == About()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("conversation_id", "x" * 129),
        ("conversation_id", "\0"),
        ("channel_labels", "agent,customer"),
        ("channel_labels", ","),
        ("channel_labels", "x" * 129),
    ],
)
def test_what_is_no_name_is_refused_by_its_name(name, value):
    with pytest.raises(ClientError, match=name):
        about(Request(query={name: [value]}))


@pytest.mark.parametrize(
    "name", ["transcribe", "stream_ws", "deepgram", "openai_realtime", "asterisk", "audiofork"]
)
def test_a_call_is_named_by_the_url_of_its_protocol(name):
    (protocol,) = [each for each in PROTOCOLS if each.name == name]
    dialogue = DIALOGUES[name]
    query = {**dialogue.request.query, "conversation_id": ["case 7"], "channel_labels": ["agent"]}
    query["webhook"] = ["https://example.com/finals"]
    codec = protocol.build(DEFAULTS, Request(path=dialogue.request.path, query=query))
    commands = [*codec.connected()]
    commands += [c for message in dialogue.opening for c in said(codec, message)]
    (opened,) = [command for command in commands if isinstance(command, Open)]
    assert (opened.about.conversation, opened.about.labels) == ("case 7", ("agent",))
    assert opened.about.webhook == "https://example.com/finals"
