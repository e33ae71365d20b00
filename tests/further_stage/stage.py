"""The stage: one text in, how many words it has out, as a word as long as all of them."""

from collections.abc import Callable, Mapping, Sequence

from common.bus import wire
from common.pipeline.streams import SOURCES
from common.pipeline.text import TimedWord, Words
from common.pipeline.work import TextWork
from common.stage.api import Assignment, Attach, Done, Effect, Recovery, Source, Stage, Work
from tests.further_stage.registration import COUNT


class CountStage(Stage[TextWork, TextWork]):
    """Answers each text as soon as it has it."""

    spec = COUNT
    tick = 0.01

    def open(
        self, assignment: Assignment[TextWork], recovery: Recovery, wake: Callable[[], None]
    ) -> TextWork:
        """See `Stage.open`: a text is counted again by the next owner."""
        return assignment.work

    def inputs(self, state: TextWork) -> Mapping[Source, bytes]:
        """See `Stage.inputs`."""
        return {SOURCES[state.source]: wire.before_position(state.start)}

    async def step(self, work: Sequence[Work[TextWork]]) -> Sequence[Sequence[Effect]]:
        """Count."""
        return [_answer(text) for text, _ in work]


def _answer(work: TextWork) -> list[Effect]:
    counted = TimedWord(str(len(work.text.split())), work.start, work.end, 1.0)
    return [Attach(work.utterance, work.digest, Words((counted,)), work.gateway), Done()]
