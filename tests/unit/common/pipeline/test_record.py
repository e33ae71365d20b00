"""Records that read back as they were written, and what is refused by name."""

from dataclasses import MISSING, dataclass, replace
from typing import Any, ClassVar, Literal

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.options import SessionOptions
from common.pipeline import record, report, speech, text, work
from common.pipeline.record import WIRE_VERSION, Message, name_set, pack
from common.pipeline.stream_ids import StreamId
from tests.unit.common.pipeline.messages import EXAMPLES, values

KINDS = sorted({type(example) for _, example in EXAMPLES.values()}, key=lambda kind: kind.__name__)
READERS = {type(example): message for message, example in EXAMPLES.values()}


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_record_reads_back_as_it_was_written(kind, data):
    each = data.draw(values(kind))
    found = READERS[kind].unpack(pack(each))
    assert found == each
    assert type(found) is kind
    assert pack(found) == pack(each)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_is_a_map_of_its_fields_with_the_wire_version_behind(name):
    _, example = EXAMPLES[name]
    body = msgpack.unpackb(pack(example))
    assert list(body)[-1] == "v"
    assert body["v"] == record.WIRE_VERSION
    assert (next(iter(body)) == "t") is hasattr(type(example), "t")


def is_optional(example: Any, field: str) -> bool:
    """Whether a flag of a set of names, or a report's load, can do without a field."""
    return field == "align" or type(example.load).__dataclass_fields__[field].default is not MISSING


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_field_that_is_missing_is_named_unless_it_has_a_default(name):
    message, example = EXAMPLES[name]
    body = msgpack.unpackb(pack(example))
    defaults = type(example).__dataclass_fields__
    for each in without(without(body, "v"), "t"):
        reduced = msgpack.packb(without(body, each))
        if each not in defaults and is_optional(example, each):
            message.unpack(reduced)
        elif each not in defaults:  # of a record that stands among the fields of this one
            with pytest.raises(ValueError, match=rf"Load\.{each} is missing"):
                message.unpack(reduced)
        elif defaults[each].default is defaults[each].default_factory:  # both are missing
            with pytest.raises(ValueError, match=rf"{type(example).__name__}\.{each} is missing"):
                message.unpack(reduced)
        else:
            message.unpack(reduced)


def coloured(value: Any) -> Any:
    """Return what a later release would write: with a field more in every record."""
    if isinstance(value, dict):
        return {"colour": "red"} | {key: coloured(each) for key, each in value.items()}
    return [coloured(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", EXAMPLES)
def test_fields_of_a_later_release_are_ignored(name):
    message, example = EXAMPLES[name]
    body = coloured(msgpack.unpackb(pack(example)))
    assert message.unpack(msgpack.packb(body)) == example


@pytest.mark.parametrize("name", [each for each in EXAMPLES if not each.startswith("report-")])
def test_a_field_of_another_type_is_named(name):
    message, example = EXAMPLES[name]
    body = msgpack.unpackb(pack(example))
    for each in without(without(body, "v"), "t"):
        with pytest.raises(ValueError, match=rf"{type(example).__name__}\.{each} cannot be"):
            message.unpack(
                msgpack.packb(body | {each: 3 if type(body[each]) is dict else {"x": 2}})
            )


def test_an_option_that_an_earlier_release_does_not_know_has_its_default():
    message, example = EXAMPLES["control-config"]
    body = msgpack.unpackb(pack(example))
    del body["options"]["keywords"]
    assert message.unpack(msgpack.packb(body)).options == replace(example.options, keywords=())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\xff" * 40,
        msgpack.packb(7),
        msgpack.packb([]),
        msgpack.packb({"t": "end"}),
        msgpack.packb({"t": "end", "shown": False, "v": record.WIRE_VERSION + 1}),
    ],
)
def test_what_is_no_message_of_this_version_is_refused(data):
    with pytest.raises(ValueError, match=r"^"):
        text.ITEM.unpack(data)


@pytest.mark.parametrize("tag", ["begin", None, 3, ["end"]])
def test_an_unknown_tag_is_named(tag):
    with pytest.raises(ValueError, match="is none of final, end"):
        text.ITEM.unpack(msgpack.packb({"t": tag, "v": record.WIRE_VERSION}))


def test_what_is_nested_is_checked_as_well():
    entry = speech.SpeechEntry(StreamId(1, 0), (speech.Resumed(1, 2),))
    body = msgpack.unpackb(pack(entry))
    for wrong, what in [
        (body | {"at": [1]}, "SpeechEntry.at"),
        (body | {"at": [1, "2"]}, "SpeechEntry.at"),
        (body | {"events": [3]}, "SpeechEntry.events"),
        (body | {"events": [body["events"][0] | {"at": "2"}]}, "Resumed.at"),
    ]:
        with pytest.raises(ValueError, match=what):
            speech.SPEECH_ENTRY.unpack(msgpack.packb(wrong))
    final = msgpack.unpackb(pack(text.Final.empty(5, "flush")))
    with pytest.raises(ValueError, match=r"Final\.reason cannot be 'replay'"):
        text.ITEM.unpack(msgpack.packb(final | {"reason": "replay"}))


def test_a_bool_is_no_number():
    body = msgpack.unpackb(pack(speech.SpeechEntry(StreamId(1, 0), (speech.Resumed(1, 2),))))
    body["events"][0]["utterance"] = True
    with pytest.raises(ValueError, match=r"Resumed\.utterance cannot be True"):
        speech.SPEECH_ENTRY.unpack(msgpack.packb(body))


def test_fields_may_be_given_when_a_record_is_written():
    _, example = EXAMPLES["work-text"]
    later = pack(replace(example, offered=0.0), offered=1.5)
    assert later == pack(example)
    assert work.TEXT_WORK.unpack(later) == example


def test_a_sparse_field_is_left_out_at_its_default():
    _, example = EXAMPLES["work-utterance"]
    assert "replay" not in msgpack.unpackb(pack(example))
    assert msgpack.unpackb(pack(replace(example, replay=True)))["replay"] is True


def test_the_load_of_a_report_is_told_by_its_fields():
    _, example = EXAMPLES["report-asr"]
    body = msgpack.unpackb(pack(example))
    assert {"slots", "places", "decode"} < body.keys(), "they stand beside each other"
    assert report.WORKER_REPORT.unpack(msgpack.packb(body | {"audio": 1.0})) == example


def test_a_load_of_a_stage_that_only_a_later_release_has_is_none():
    _, example = EXAMPLES["report"]
    body = msgpack.unpackb(pack(example)) | {"ears": 3}
    assert report.WORKER_REPORT.unpack(msgpack.packb(body)) == example


def test_a_record_that_cannot_be_mapped_is_a_mistake():
    @dataclass(frozen=True, slots=True)
    class Untagged:
        at: int

    @dataclass(frozen=True, slots=True)
    class Mixed:
        t: ClassVar[str] = "mixed"
        at: tuple[int, ...] | Literal["now"]

    @dataclass(frozen=True, slots=True)
    class Mapped:
        at: dict[str, int]

    with pytest.raises(TypeError, match="without a tag"):
        Message(Untagged, text.End)
    with pytest.raises(TypeError, match=r"Mixed\.at: cannot tell apart"):
        Message(Mixed)
    with pytest.raises(TypeError, match=r"Mapped\.at: no wire type"):
        Message(Mapped)
    with pytest.raises(TypeError, match="int is no record"):
        Message(int)
    assert Message(SessionOptions).unpack(pack(SessionOptions())) == SessionOptions()


@dataclass(frozen=True, slots=True)
class Asked:
    """Has a set of names, one of which each release of the wire version spells."""

    stages: frozenset[str] = name_set("align")


ASKED = Message(Asked)


@pytest.mark.parametrize(
    ("names", "stored"),
    [
        ((), {"align": False}),
        (("align",), {"align": True}),
        (("later", "align", "count"), {"align": True, "stages": ["count", "later"]}),
    ],
)
def test_a_set_of_names_is_stored_as_flags_and_what_no_release_before_knew(names, stored):
    asked = Asked(frozenset(names))
    assert msgpack.unpackb(pack(asked)) == stored | {"v": WIRE_VERSION}
    assert ASKED.unpack(pack(asked)) == asked


def test_a_set_of_names_that_is_missing_is_empty():
    assert ASKED.unpack(msgpack.packb({"v": WIRE_VERSION})) == Asked()


@pytest.mark.parametrize("held", [{"align": 1}, {"stages": "count"}, {"stages": [b"count"]}])
def test_a_set_of_names_of_another_type_is_refused(held):
    with pytest.raises(ValueError, match=r"Asked\.(align|stages) cannot be"):
        ASKED.unpack(msgpack.packb(held | {"v": WIRE_VERSION}))
