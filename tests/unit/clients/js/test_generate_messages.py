"""The types of the JavaScript client are those of the protocol."""

import json
import re
from types import SimpleNamespace

import pytest

import callscribe
from clients.js import generate_messages
from clients.js.generate_messages import TARGET, message_fields, named, tables
from gateway.readers.rendering import described

WRITTEN = TARGET.read_text()
PACKAGE = TARGET.parent.parent / "package.json"


def interface(name: str) -> dict[str, str]:
    """Return the fields of an interface of the file, as written, and their types."""
    body = re.search(rf"^export interface {name}\b[^{{]*{{\n(.*?)^}}", WRITTEN, re.M | re.S)
    assert body is not None, f"there is no interface {name}"
    return dict(re.findall(r"^  (\w+\??): (.+);$", body[1], re.M))


def interface_of(message: str) -> str:
    """Return the name of the interface of a type of message."""
    for name, _ in re.findall(
        rf'^export interface (\w+) {{\n  type: "({message})";', WRITTEN, re.M
    ):
        return str(name)
    raise AssertionError(f"no interface has the type {message}")


def test_the_file_is_what_would_be_written():
    told = "run python clients/js/generate_messages.py"
    assert generate_messages.typescript() == WRITTEN, told


@pytest.mark.parametrize(
    "row", tables("Server messages")[0], ids=lambda row: "-".join(named(row[0]))
)
def test_every_message_of_the_document_has_its_fields(row):
    (message,) = named(row[0])
    fields = {name.rstrip("?") for name in interface(interface_of(message))} - {"type", "label"}
    told = set(named(row[1]))
    if "those of `partial`" in row[1]:
        told = told - {"partial"} | set(named(tables("Server messages")[0][1][1]))
    assert fields == told
    assert interface_of(message) in WRITTEN.partition("export type ServerMessage")[2]


def test_what_is_sometimes_left_out_is_optional():
    final = interface("FinalMessage")
    assert {name for name in final if name.endswith("?")} == {
        *("label?", "words?", "words_pending?", "words_unavailable?", "timing?", "redacted?"),
        *("language_confidence?", "speaker?", "speakers?"),
    }
    assert final["language"] == "string | null"
    assert final["words?"] == "readonly Word[] | null"
    assert message_fields()["words"]["words_unavailable"] is False
    assert interface("ErrorMessage").keys() == {
        *("type", "code", "message", "retry_after?", "resume_within?")
    }


def test_only_messages_about_no_channel_have_none():
    without = {"session_created", "audio_ack", "error"}
    for message, fields in message_fields().items():
        assert ("channel" in fields) == (message not in without)


def test_every_code_of_the_document_is_there_and_those_that_end_no_call():
    (codes, goes_on) = re.findall(r"_CODES = \[(.*?)\]", WRITTEN, re.S)
    told, _, _, denials = tables("Errors")
    assert re.findall(r'"(\w+)"', codes) == list(
        dict.fromkeys(named(row[0])[0] for row in (*told, *denials))
    )
    ends = re.findall(r'"(\w+)"', goes_on)
    assert {"unknown_option", "utterance_failed"} <= set(ends)
    assert not {"at_capacity", "going_away", "invalid_audio"} & set(ends)


def test_what_readers_are_told_of_a_call_is_what_the_server_describes():
    about = SimpleNamespace(conversation="c", name="n", labels=("agent",))
    record = SimpleNamespace(about=about, audio=SimpleNamespace(channels=1))
    known = SimpleNamespace(record=record, session="s", opened=1000)
    told = described(known)  # type: ignore[arg-type]
    fields = {name.rstrip("?") for name in interface("ReaderSessionCreated")}
    assert fields == {"type", *told}


def test_the_package_has_the_version_of_the_system():
    assert json.loads(PACKAGE.read_text())["version"] == callscribe.__version__
