"""The one place that every text passes before it is stored."""

from dataclasses import replace
from typing import assert_never

from common.pipeline.text import Final
from common.pipeline.work import TextWork
from common.stage.api import (
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
)
from common.stage.screen import Screen


def screened(effect: Effect, screen: Screen) -> Effect:
    """Return the effect with its texts as the screen leaves them."""
    match effect:
        case Show(text=partial):
            return replace(effect, text=screen.partial(partial))
        case Commit(item=Final() as final):
            return replace(effect, item=screen.final(final))
        case Offer(work=TextWork() as work):
            return replace(effect, work=screen.request(work))
        case Attach(words=words):
            return replace(effect, words=screen.words(words))
        case DeadLetter(reason, audio):
            return DeadLetter(screen.reason(reason), screen.audio(audio))
        case Commit() | Offer() | Emit() | Audio() | Relay() | Fail() | Done():
            return effect
        case _:
            assert_never(effect)
