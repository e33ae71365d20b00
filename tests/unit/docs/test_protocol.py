"""docs/protocol.md names everything the code knows of the native protocol, and nothing else."""

import ast
import inspect
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from common.languages import ALIGNABLE
from common.options import OPTIONS
from common.pipeline.text import EndReason, Hidden, TimedWord
from gateway.access import gate
from gateway.access.meter import Overdrawn
from gateway.downlink.late_words import MOST_AWAITED
from gateway.http import page, pages
from gateway.protocols import PROTOCOLS, commands, native
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import CODINGS, ENCODINGS, AudioFormat
from gateway.protocols.events import (
    Answer,
    AudioAck,
    Created,
    Dtmf,
    Failed,
    Final,
    Gap,
    GoingAway,
    Keyword,
    Lag,
    LineTrouble,
    Overlap,
    Partial,
    Resumed,
    SpeakerRevision,
    SpeechEnded,
    SpeechStarted,
    Timing,
    Words,
)
from gateway.protocols.stretches import Stretch
from gateway.settings import GatewaySettings
from gateway.uplink import writer as uplink
from gateway.websocket import limits as limits_of
from tests.unit.gateway.protocols.test_native_answers import turn

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "protocol.md").read_text()

PLACE: dict[str, Any] = {"channel": 0, "utterance": 1, "start": 0, "end": 1}
SAID: dict[str, Any] = {"at": 1, "text": "a", "language": None, "words": None, "reason": "flush"}
EVENTS = [
    Resumed("s", "t", position=1, seq=1, controls=1, ended=True),
    Partial(**PLACE, text="a", stable=1, language=None),
    # Never both of one final; here so that every field is seen.
    Final(
        **PLACE,
        **SAID,
        seq=1,
        words_pending=True,
        unavailable="why",
        timing=Timing(0.8, 0.9),
        hidden=(Hidden("cvv", 0, 16_000),),
        speakers=(Stretch(0, 1, 0),),
        language_confidence=0.5,
    ),
    Words(**PLACE, seq=2, words=None, unavailable="why"),
    SpeakerRevision(channel=0, number=1, changed={1: (Stretch(0, 1, 1),)}),
    SpeechStarted(channel=0, utterance=1, start=0, at=1),
    SpeechEnded(**PLACE, at=1, reason="silence"),
    Gap(0, 0, 1),
    Dtmf(0, 1, "5"),
    LineTrouble(0, 1, "clipping", -10.0),
    turn("started", voiced=1),
    turn("eager_end", evidence="open", voiced=1),
    turn("resumed", voiced=1),
    turn("ended", evidence="open", reason="silence", voiced=1, word_confidence=0.5),
    Overlap(
        channel=0,
        turn=2,
        other_channel=1,
        other_turn=1,
        start=0,
        end=1,
        at=1,
        backchannel=False,
        interrupted=True,
    ),
    Answer(
        **PLACE,
        first=1,
        kind="digits",
        question="q",
        value="42",
        raw="forty two",
        valid=True,
        complete=True,
        final=True,
        sure=(0.5, 0.75),
        alternatives=("402",),
    ),
    Keyword(**PLACE, keyword="a", text="A", offset=0),
    AudioAck(1),
    Lag(0, 2.5),
    Failed("code", "message", fatal=False),
]


LABELLED: dict[str, Any] = {
    "channel_labels": ["agent"],
    "conversation_id": "c",
    "endpointing": "bot",
}


def section(title):
    _, _, rest = PAGE.partition(f"\n## {title}\n")
    assert rest, f"the page has no section {title}"
    return rest.partition("\n## ")[0]


def tables(title):
    """Return each table of a section as its rows, a row as its cells; headings are left out."""
    blocks = re.findall(r"(?:^\|.*\n?)+", section(title), re.MULTILINE)
    rows = [[line.split("|")[1:-1] for line in block.splitlines()] for block in blocks]
    return [[[cell.strip() for cell in row] for row in table[2:]] for table in rows]


def coded(cell):
    return re.findall(r"`([^`]+)`", cell)


def opened(**config):
    codec = native.NativeCodec(GatewaySettings().session_defaults(), Request())
    codec.receive_text(json.dumps({"type": "config", **config}))
    return codec


def complaint(codec, message):
    """What is said against a message, without that it changed nothing."""
    with pytest.raises(ClientError) as caught:
        codec.receive_text(json.dumps(message))
    return caught.value.message.removesuffix("; nothing of this update took effect")


def known_options():
    message = complaint(opened(), {"type": "config", "zzzzzzzz": 1})
    return message.partition("known are ")[2].split(", ")


def test_the_options_are_those_of_the_code():
    *format, events = [coded(row[0]) for row in tables("Options")[0]]
    call = [coded(row[0]) for row in tables("Options")[1]]
    assert [*format, *call, events] == [[name] for name in known_options()]


def test_what_is_allowed_for_the_audio_is_that_of_the_code():
    for name, allowed, _ in tables("Options")[0]:
        said = complaint(opened(), {"type": "config", coded(name)[0]: {}})
        assert said == f"{coded(name)[0]} must be {allowed}, not an object"


def test_the_defaults_are_those_of_the_code():
    for name, _, default in tables("Options")[0]:
        (option,) = coded(name)
        unsaid = {"events": [], "channel_labels": [], "conversation_id": "", "webhook": ""}
        value = unsaid[option] if option in unsaid else getattr(AudioFormat(), option)
        assert coded(default) == [json.dumps(value)], option
    settings = GatewaySettings().session_defaults()
    for name, _, default, *_ in tables("Options")[1]:
        assert default == json.dumps(getattr(settings, coded(name)[0])), name


def test_what_may_change_is_what_the_code_lets_change():
    message = complaint(opened(), {"type": "config", "chunk_size_sec": 2})
    changeable = message.partition("; ")[2].removesuffix(" can").split(", ")
    assert [coded(row[0])[0] for row in tables("Options")[1] if row[4] == "yes"] == changeable


def test_from_when_a_change_holds_is_told_of_each_option_that_may_change():
    told = {name for row in tables("Options")[2] for name in coded(row[0]) if name in OPTIONS}
    assert told == {each.name for each in OPTIONS.values() if each.changeable}


def test_the_encodings_and_events_are_those_of_the_code():
    encodings = [name for row in tables("Audio")[0] for name in coded(row[0])]
    assert sorted(encodings) == sorted(ENCODINGS)
    compressed = [coded(row[0])[0] for row in tables("Audio")[1]]
    assert sorted(compressed) == sorted(CODINGS)
    types = [coded(row[0])[0] for row in tables("Server messages")[0]]
    opt_in = [row for row in tables("Server messages")[0] if row[2].startswith("opt-in")]
    assert [coded(row[0])[0] for row in opt_in] == list(commands.EVENTS)
    assert len(types) == len(EVENTS)


def test_the_client_messages_are_those_of_the_code():
    known = complaint(opened(), {"type": "?"}).partition("known are ")[2].split(", ")
    rows = tables("Client messages")[0]
    assert [coded(row[0])[0] for row in rows if row[0] != "binary"] == known


@pytest.mark.parametrize(
    ("event", "extra"),
    [
        (
            Created("s", "t"),
            {
                "channel_labels",
                "conversation_id",
                "options",
                "resumed",
                "position",
                "seq",
                "controls",
                "ended",
            },
        ),
        (Failed("code", "message", fatal=True, retry_after=5.0), {"resume_within"}),
        (GoingAway(60.0), {"retry_after"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_fields_that_are_sometimes_sent(event, extra):
    (message,) = map(json.loads, opened().render(event, 0.0))
    fields = {coded(row[0])[0]: coded(row[1]) for row in tables("Server messages")[0]}
    assert set(message) == {"type", *fields[message["type"]]} - extra


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_the_fields_are_those_that_are_sent(event):
    codec = opened(**LABELLED, events=list(commands.EVENTS), words=True)
    (message,) = map(json.loads, codec.render(event, 0.0))
    fields = {coded(row[0])[0]: coded(row[1]) for row in tables("Server messages")[0]}
    # A final's row begins with "those of `partial`".
    expanded = [f for name in fields[message["type"]] for f in fields.get(name, [name])]
    sometimes = {"retry_after", "resume_within"} if isinstance(event, Failed) else set()
    assert set(message) - {"label"} == {"type", *expanded} - sometimes
    assert ("label" in message) == ("channel" in message)
    explained = {name for row in tables("Server messages")[1] for name in coded(row[0])}
    assert set(message) - {"type"} <= explained


def test_every_explained_field_is_sent():
    sent = {name for row in tables("Server messages")[0] for name in coded(row[1])} - {"partial"}
    sent |= {"label"}  # beside every channel
    assert {name for row in tables("Server messages")[1] for name in coded(row[0])} == sent


def test_words_are_told_as_they_are_sent():
    word = TimedWord("a", 0, 1, 1.0)
    final = Final(**PLACE, seq=1, at=1, text="a", language=None, words=(word,), reason="flush")
    final = replace(final, speakers=(Stretch(0, 1, 0),))
    (message,) = map(json.loads, opened(words=True).render(final, 0.0))
    (row,) = [row for row in tables("Server messages")[1] if row[0] == "`words`"]
    assert coded(row[1]) == list(message["words"][0])


def test_the_languages_that_aligners_know_are_those_of_the_code():
    (told,) = re.findall(r"^- Aligners know ([^.]+)\.", PAGE, re.MULTILINE)
    names = " ".join(told.split()).replace(" and ", ", ")
    assert names.split(", ") == sorted(ALIGNABLE)


def test_the_reasons_are_those_of_the_code():
    (row,) = [row for row in tables("Server messages")[1] if row[0] == "`reason`"]
    assert coded(row[1]) == list(get_args(EndReason))


def strings(node):
    """Return the texts that an expression may be: a constant, or either of a choice."""
    found = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
    test = {id(part) for part in ast.walk(node) if isinstance(part, ast.Compare | ast.Call)}
    inside = {id(c) for part in ast.walk(node) if id(part) in test for c in ast.walk(part)}
    return {c.value for c in found if id(c) not in inside and isinstance(c.value, str)}


def spoken_by_the_gateway():
    """Return error codes, close reasons, refusals, and refusals by stage, as the sources spell."""
    codes, reasons, refusals, endings = set(), set(), set(), set()
    protocols, native_module = ROOT / "gateway" / "protocols", Path(inspect.getfile(native))
    built = {Path(inspect.getfile(each.build)) for each in PROTOCOLS} - {native_module}
    others = {
        other
        for path in built
        for other in (path, *path.parent.glob("*.py"))
        if path.parent != protocols or other == path
    }
    # What several of the others share.
    others |= {protocols / "telephony.py", protocols / "query.py"}
    others |= set((ROOT / "gateway" / "files").glob("*.py"))
    for path in set((ROOT / "gateway").rglob("*.py")) - others:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(id="ClientError" | "Failed" | "Refused"), args=[code, *_]
                ):
                    codes |= strings(code)
                case ast.Call(func=ast.Attribute(attr="lose"), args=[code, _]):
                    codes |= strings(code)
                case ast.Call(func=ast.Name(id="Reason"), args=[_, code, *_]):
                    codes |= strings(code)
                case ast.Call(func=ast.Attribute(attr="close_soon"), args=[_, reason]):
                    reasons |= strings(reason)
                case ast.Call(func=ast.Name(id="Ending"), args=[_, _, reason]):
                    reasons |= strings(reason)
                case ast.Assign(targets=[ast.Name(id="code")], value=value):
                    codes |= strings(value)
                case ast.Call(func=ast.Name(id="Refusal"), args=[ast.JoinedStr(values=parts), *_]):
                    # f"{stage}_slots" and the like: what goes before is a stage's name.
                    endings |= {str(p.value) for p in parts if isinstance(p, ast.Constant)}
                case ast.Call(func=ast.Name(id="Refusal"), args=[reason, *_]):
                    refusals |= strings(reason)
                case ast.Assign(targets=[ast.Name(id="OWN_DOING")], value=ast.Tuple(elts=each)):
                    refusals |= {reason for value in each for reason in strings(value)}
                case ast.Dict(keys=keys, values=values):
                    for key, value in zip(keys, values, strict=True):
                        if isinstance(key, ast.Constant) and key.value == "code":
                            codes |= strings(value)
    by_stage = {stage + end for stage in ("vad", "denoise", "asr") for end in endings}
    return codes, reasons - codes, refusals, by_stage


def test_the_error_codes_are_those_of_the_code():
    codes, reasons, refusals, by_stage = spoken_by_the_gateway()
    errors, closes, refused, denied = tables("Errors")
    # Only a protocol with `idle_s` has the other one.
    assert {coded(row[0])[0] for row in errors} == codes - {"idle"} | {*get_args(Overdrawn)}
    library = "frame with … bytes exceeds limit of … bytes"
    assert {coded(row[0])[0] for row in closes} == reasons | {library}
    told = {reason for row in refused for reason in coded(row[0])}
    assert refusals <= told <= refusals | by_stage
    assert {(coded(row[0])[0], row[1]) for row in denied} == denials()


def denials():
    """Return code and status of each answer to a handshake whose key does not do."""
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(gate))):
        match node:
            case ast.Call(func=ast.Name(id="_unknown"), args=[ast.Constant(value=code), _]):
                found.add((code, "401"))
            case ast.Call(func=ast.Name(id="Denied"), args=[_, ast.Constant(value=code), _]):
                found.add((code, "403"))
    return found - {("forbidden", "403")}  # no handshake has a path that nobody may use


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        '{"type": "?"}',
        '{"type": "flush"}',
        b"\0",
        '{"type": "config", "zzzzzzzz": 1}',
        '{"type": "config", "words": 1}',
        '{"type": "config", "language": "zzzzzzzz"}',
        '{"type": "config", "resume": 1}',
    ],
)
def test_the_close_codes_are_those_of_the_code(message):
    codec = native.NativeCodec(GatewaySettings().session_defaults(), Request())
    receive = codec.receive_binary if isinstance(message, bytes) else codec.receive_text
    with pytest.raises(ClientError) as caught:
        receive(message)
    (row,) = [row for row in tables("Errors")[0] if row[0] == f"`{caught.value.code}`"]
    assert row[1].partition(" / ")[0] == str(caught.value.close_code)


def test_the_limits_are_those_of_the_code():
    limits = {row[0]: row[1] for row in tables("Limits")[0]}
    settings = GatewaySettings()
    assert limits["one message, text or binary"].startswith(
        f"{settings.max_message_bytes / (1 << 20):g} MiB"
    )
    assert limits["time until `config`"].startswith(f"{settings.opening_s:g} s")
    words = limits["word times awaited after a final; at the end of the call"]
    assert words.startswith(f"{MOST_AWAITED:g} s; {settings.words_wait_s:g} s ")
    waiting = uplink.MOST_WAITING / 32_000
    assert limits["audio waiting in the gateway per channel"].startswith(f"{waiting:.0f} s")
    assert limits["messages the client has not read"].startswith(f"{limits_of.MOST_UNSENT},")
    closing = limits["time to read the last messages when the server closes"]
    assert closing == f"{limits_of.MOST_CLOSING:g} s"


def test_the_pages_are_those_of_the_code():
    (rows,) = tables("HTTP on the same port")
    assert sorted(name for row in rows for name in coded(row[0])) == sorted(
        (*page.PATHS, *pages.PAGES)
    )
