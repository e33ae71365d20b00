"""Nothing that was said reaches anyone beside `gateway.feed.showing.shown`."""

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.options import SessionOptions
from gateway.feed import showing
from gateway.protocols.events import Event, Final, Keyword
from gateway.readers.reading import Reading
from tests.unit.gateway.readers.stored import KNOWN, Redis, feed_of, final

GATEWAY = Path(showing.__file__).parents[1]
MAKERS = {
    "Final": {"feed/results.py"},
    "Partial": {"feed/results.py"},
    "Words": {"feed/results.py"},
    "Keyword": {"feed/keywords.py"},
    "SpeechStarted": {"feed/speech_events.py"},
    "SpeechEnded": {"feed/speech_events.py"},
    "Gap": {"feed/speech_events.py"},
    "Dtmf": {"feed/speech_events.py"},
    "LineTrouble": {"feed/results.py"},
    "SpeakerRevision": {"feed/speakers.py"},
}
"""Who makes the events that come of a call's results."""


def makers(name: str) -> set[str]:
    return {
        str(path.relative_to(GATEWAY))
        for path in GATEWAY.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and name in (getattr(node.func, "id", ""), *ast.unparse(node.func).split("."))
    }


def test_events_of_results_are_made_before_that_place_alone():
    words_of_a_forgone_final = {"downlink/late_words.py"}  # it writes them into the text
    patterns = {name: makers(name) for name in MAKERS}
    patterns["Words"] -= words_of_a_forgone_final
    assert patterns == MAKERS


def test_one_function_hands_them_out():
    results = ast.parse((GATEWAY / "feed/results.py").read_text())
    callers = {
        function.name
        for function in ast.walk(results)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "_events"
    }
    assert callers == {"read"}
    assert makers("_events") == {"feed/results.py"}


async def test_what_is_changed_there_is_changed_for_all_and_keywords_are_found_in_it(monkeypatch):
    def hidden(event: Event) -> Event:
        return replace(event, text="all right") if isinstance(event, Final) else event

    monkeypatch.setattr(showing, "shown", hidden)
    record = replace(KNOWN.record, options=SessionOptions(keywords=("secret", "right")))
    redis = Redis()
    redis.tell("s", final(text="a secret"))
    reading = Reading(replace(KNOWN, record=record))
    feed = feed_of(redis)
    told: list[Any] = []

    class Listener:
        cursors = staticmethod(reading.cursors)

        def deliver(self, news: Any) -> None:
            told.extend(reading.read(news))

    feed.follow("s", Listener(), "gw")  # type: ignore[arg-type]
    await feed.look_for("s")
    assert [each.text for each in told] == ["all right", "right"]
    assert [type(each) for each in told] == [Final, Keyword]
