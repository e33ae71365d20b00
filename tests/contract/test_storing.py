"""No text is stored beside `common.stage.texts.screened`."""

import ast
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

import common.stage
from common.bus import wire
from common.bus.keys import Leg
from common.bus.wire import Control, StreamId
from common.pipeline.control import Flush
from common.pipeline.partial import PartialText
from common.pipeline.speech import SpeechEntry
from common.pipeline.streams import SPEECH
from common.pipeline.text import Final, TimedWord, Words
from common.pipeline.work import TextWork
from common.stage.api import (
    Assignment,
    Attach,
    Audio,
    Commit,
    DeadLetter,
    Done,
    Effect,
    Emit,
    Fail,
    Offer,
    Relay,
    Show,
    Slot,
)
from common.stage.screen import Unchanged
from common.stage.texts import screened
from tests.unit.common.stage.test_publisher import ScriptedLink, publisher

STAGE = Path(common.stage.__file__).parent
SECRET = "4111"
SAID = (TimedWord(SECRET, 0, 160, 1.0),)
TIMED = TextWork(
    utterance=3,
    digest="digest",
    source="audio",
    start=0,
    end=160,
    text=SECRET,
    language="English",
    gateway="gw",
)
EFFECTS: list[Effect] = [
    Emit(SPEECH, SpeechEntry(StreamId(512, 0), ()), wake=("asr",), notify="gw"),
    Audio(320, b"\0\0"),
    Relay(Control(320, 2, Flush())),
    Show(3, PartialText(0, 160, SECRET, 4, None), "gw"),
    Offer("align", "s.0/3", TIMED),
    Commit(3, replace(Final.lost(160, SECRET), text=SECRET, words=SAID), "gw"),
    Attach(3, "digest", Words(SAID, SECRET), "gw"),
    DeadLetter(SECRET, SECRET.encode()),
    Fail("gw"),
    Done(),
]


class Hidden(Unchanged):
    """Leaves nothing of a text."""

    def partial(self, partial):
        return replace(partial, text="", stable=0)

    def final(self, final):
        return replace(final, text="", trouble="", words=())

    def request(self, work):
        return replace(work, text="")

    def words(self, words):
        return Words((), "")

    def reason(self, reason):
        return ""

    def audio(self, pcm):
        return b""


def slot(screen):
    item = Assignment("s.0/3", Leg("s", 0), None, b"1-0", 5, b"raw")
    return Slot(item, object(), {}, {}, wire.NOTHING, screen)


async def stored(screen) -> bytes:
    link = ScriptedLink()
    _, held_back, letters = await publisher(link).publish([(slot(screen), EFFECTS)])
    assert not held_back
    told = [link.writes, link.hints, link.scripts, link.others, [each for _, each in letters]]
    return repr(told).encode()


def test_every_kind_of_effect_is_here():
    assert {type(each) for each in EFFECTS} == set(get_args(Effect))


async def test_a_screen_is_asked_about_everything_that_is_stored():
    assert (await stored(Unchanged())).count(SECRET.encode()) >= 10
    assert SECRET.encode() not in await stored(Hidden())


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: type(effect).__name__)
def test_what_asks_for_nothing_is_not_changed(effect):
    assert screened(effect, Unchanged()) == effect


def callers(name: str) -> set[str]:
    return {
        f"{path.name} {function.name}"
        for path in STAGE.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and name in (getattr(node.func, "attr", ""), getattr(node.func, "id", ""))
    }


def test_one_function_carries_effects_out():
    assert callers("screened") == callers("_publish") == {"publisher.py publish"}
    assert callers("_planned") == callers("_write_dead_letters") == {"publisher.py _publish"}
    assert callers("_plan") == {"publisher.py _planned"}
    assert callers("_letter") == {"publisher.py _write_dead_letters"}
    assert callers("dead_letter") == {"publisher.py _letter"}
    for write in ("append_event", "offer", "attach"):
        assert callers(write) == {"publisher.py _plan"}
