"""What presets set, and what comes before it."""

import json
from typing import Any, get_args

import pytest

from common.options import OPTIONS, Endpointing, SessionOptions
from gateway.endpointing.presets import PRESETS
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import Configure, Open
from gateway.protocols.events import Created
from gateway.protocols.native import NativeCodec
from gateway.protocols.options import with_changes

EACH = pytest.mark.parametrize("name", PRESETS)
DEFAULTS = SessionOptions(silence_threshold=0.9)


def test_every_purpose_has_one_and_all_set_the_same_options():
    assert set(get_args(Endpointing)) - set(PRESETS) == {"silence", "turn"}
    assert len({frozenset(preset) for preset in PRESETS.values()}) == 1


@EACH
def test_what_it_sets_may_change_and_is_allowed(name: str):
    for option, value in PRESETS[name].items():
        assert OPTIONS[option].changeable
        assert OPTIONS[option].low <= value <= OPTIONS[option].high
    options = with_changes(DEFAULTS, {"endpointing": name})
    assert {each: getattr(options, each) for each in PRESETS[name]} == PRESETS[name]
    least, most = options.turn_silence
    assert options.by_words
    assert least < options.silence_threshold < most


def test_what_is_said_beside_it_wins_and_what_is_not_said_stays():
    given = {"endpointing": "bot", "silence_threshold": 0.7}
    options = with_changes(DEFAULTS, given)
    assert options.silence_threshold == 0.7
    assert options.max_turn_silence == PRESETS["bot"]["max_turn_silence"]
    changed = with_changes(options, {"max_turn_silence": 2.0})
    assert (changed.endpointing, changed.max_turn_silence) == ("bot", 2.0)
    assert changed.silence_threshold == 0.7
    captions = with_changes(changed, {"endpointing": "captions"})
    assert captions.silence_threshold == PRESETS["captions"]["silence_threshold"]
    silence = with_changes(captions, {"endpointing": "silence"})
    assert not silence.by_words
    assert silence.silence_threshold == captions.silence_threshold


def config(**options: Any) -> str:
    return json.dumps({"type": "config", **options})


def test_a_call_says_what_was_set_and_changes_it():
    codec = NativeCodec(DEFAULTS, Request())
    (opened,) = codec.receive_text(config(endpointing="bot", min_turn_silence=0.4))
    assert isinstance(opened, Open)
    assert opened.options.min_turn_silence == 0.4

    def told() -> Any:
        (message,) = codec.render(Created("s", "t"), 0.0)
        return json.loads(message)["options"]

    assert told() == {**PRESETS["bot"], "min_turn_silence": 0.4}
    (changed,) = codec.receive_text(config(endpointing="captions"))
    assert isinstance(changed, Configure)
    assert changed.options.max_utterance == PRESETS["captions"]["max_utterance"]
    assert told() == PRESETS["captions"]


def test_a_contradiction_with_it_is_refused():
    with pytest.raises(ClientError, match="min_turn_silence"):
        with_changes(DEFAULTS, {"endpointing": "captions", "min_turn_silence": 1.0})
