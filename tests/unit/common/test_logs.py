import asyncio
import io
import json
import logging
import re
from typing import Any

import numpy as np
import pytest

from common.telemetry.logs import Flood, Log, bound, configure

log = Log("test")


@pytest.fixture(autouse=True)
def root_logger():
    root, ours = logging.getLogger(), logging.getLogger("callscribe")
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    ours.setLevel(logging.NOTSET)


@pytest.fixture
def written():
    stream = io.StringIO()
    configure(level="info", format="json", service="vad", stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_object_with_its_fields(written):
    log.info("leg.adopted", leg="a.0", epoch=3)
    (record,) = written()
    assert record["event"] == "leg.adopted"
    assert (record["leg"], record["epoch"]) == ("a.0", 3)
    assert (record["level"], record["service"]) == ("info", "vad")


def test_levels_below_the_configured_are_not_written(written):
    log.debug("frame.read")
    assert written() == []


def test_a_percent_sign_is_just_a_percent_sign(written):
    log.info("load 100 %s")
    assert written()[0]["event"] == "load 100 %s"


def test_a_field_cannot_forge_the_record(written):
    log.info("real", level="none", time="never")
    assert written()[0]["level"] == "info"
    assert written()[0]["time"] != "never"


async def test_bound_fields_stay_in_their_task(written):
    async def leg(name):
        with bound(leg=name):
            await asyncio.sleep(0)
            log.info("work")

    with bound(session="s"):
        await asyncio.gather(leg("s.0"), leg("s.1"))
    log.info("after")
    assert [(each.get("session"), each.get("leg")) for each in written()] == [
        ("s", "s.0"),
        ("s", "s.1"),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", "my card number is"),
        ("words", ["my", "card"]),
        ("keywords", ("my card",)),
        ("frame", b"my card"),
        ("frame", bytearray(b"my card")),
        ("samples", np.zeros(8, np.float32)),
    ],
)
@pytest.mark.parametrize("form", ["json", "console"])
def test_call_content_is_replaced_by_its_size(field, value, form):
    stream = io.StringIO()
    configure(level="info", format=form, service="asr", stream=stream)
    log.info("final.published", **{field: value})
    assert "card" not in stream.getvalue()
    assert "bytes>" in stream.getvalue() or "long>" in stream.getvalue()


def test_debug_may_show_text_but_never_audio():
    stream = io.StringIO()
    configure(level="debug", format="json", service="asr", stream=stream)
    log.debug("final.published", text="hello", audio=b"hello")
    record = json.loads(stream.getvalue())
    assert (record["text"], record["audio"]) == ("hello", "<5 bytes>")


def test_an_exception_carries_its_traceback(written):
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("task.died", task="reader")
    log.exception("task.died", KeyError("other"))
    first, second = written()
    assert "ValueError: broken" in first["exception"]
    assert "KeyError: 'other'" in second["exception"]


def test_an_exception_that_may_quote_a_call_has_its_kind_and_its_place_alone(written):
    try:
        raise ValueError("said") from KeyError("heard")
    except ValueError as error:
        log.exception("utterance.broken", error, quoting=False, utterance="u")
    (record,) = written()
    assert re.fullmatch(r"ValueError at test_logs\.py:\d+, KeyError", record["reason"])
    assert not {"said", "heard", "exception"} & {*str(record).split(), *record}


def test_console_lines_are_for_people():
    stream = io.StringIO()
    configure(level="info", format="console", service="vad", stream=stream)
    log.info("leg.adopted", leg="a.0", lag=0.12345678, reason="two words", empty="")
    line = stream.getvalue()
    assert line.endswith(
        'info    vad leg.adopted leg=a.0 lag=0.123457 reason="two words" empty=""\n'
    )


def test_libraries_are_heard_from_warning_upwards(written):
    logging.getLogger("library").info("connection open")
    logging.getLogger("library").warning("slow %s", "disk")
    assert [each["event"] for each in written()] == ["slow disk"]


def test_libraries_are_no_louder_than_the_level():
    stream = io.StringIO()
    configure(level="error", format="json", service="vad", stream=stream)
    logging.getLogger("library").warning("slow disk")
    assert stream.getvalue() == ""


def test_an_event_that_a_peer_causes_all_the_time_does_not_fill_the_disk():
    now = [0.0]
    flood = Flood(lambda: now[0])

    def write(event: str) -> Any:
        record = logging.LogRecord("callscribe", logging.INFO, "", 0, event, (), None)
        record.fields = {"session": "a"}
        return record if flood.filter(record) else None

    written = [record for _ in range(2_000) if (record := write("session.opened"))]
    assert len(written) == 50
    assert write("session.lost") is not None
    now[0] = 1.0
    record = write("session.opened")
    assert record is not None
    assert record.fields == {"session": "a", "suppressed": 1_950}
    record = write("session.opened")
    assert record is not None
    assert record.fields == {"session": "a"}


HOSTILE = [
    'a\n{"level": "error", "event": "forged"}',
    "a\r\n12:00:00.000 error gateway forged",
    '", "level": "none", "x": "',
    "\x1b[2J\x1b]0;title\x07\x9b31m\x7f\x00",
    "\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e",
    "\u202eevil\u2066\u200b\ufeff",
    "\ud800 half",
    "\U000e0041 tag",
    "a level=none event=forged",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("form", ["json", "console"])
def test_no_value_can_forge_a_line_or_command_a_terminal(value, form):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "utf-8")
    configure(level="info", format=form, service="gateway", stream=stream)
    try:
        raise ValueError(value)
    except ValueError:
        log.exception("request.failed", path=value, more={value: [value]})
    log.info(value)
    logging.getLogger("library").warning("peer said %s", value)
    stream.flush()
    lines = raw.getvalue().decode().removesuffix("\n").split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    if form == "json":
        records = [json.loads(line) for line in lines]
        assert [each["level"] for each in records] == ["error", "info", "warning"]
        assert records[0]["path"] == value
        assert records[2]["event"] == f"peer said {value}"
    else:
        records = [line for line in lines if not line.startswith("  ")]
        assert len(records) == 3
        assert ' path="' in records[0]


def test_what_people_write_stays_readable():
    stream = io.StringIO()
    configure(level="info", format="json", service="gateway", stream=stream)
    log.info("session.opened", conversation="Übergrößenträger 通話 📞")
    assert "Übergrößenträger 通話 📞" in stream.getvalue()
