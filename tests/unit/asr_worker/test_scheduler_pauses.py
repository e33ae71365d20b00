"""What was said before a pause is told, so that what it says may decide how long the pause is."""

from dataclasses import replace

import pytest

from asr_worker.actions import PublishPartial
from asr_worker.scheduler import UtteranceScheduler
from common.pipeline.partial import PartialText
from tests.unit.asr_worker.scheduling import (
    CADENCE,
    FIRST,
    START,
    heard,
    only_decode,
    only_final,
)


class TestWhatWasSaid:
    END = START + 16_000

    def utterance(self, *, interim: bool = True) -> UtteranceScheduler:
        one = UtteranceScheduler(
            START, interim=interim, cadence=CADENCE, first=FIRST, tells_pauses=True
        )
        one.audio(self.END)
        return one

    @pytest.mark.parametrize("interim", [True, False])
    def test_it_is_told_once_when_it_is_known(self, interim):
        one = self.utterance(interim=interim)
        one.paused(self.END)
        decode = only_decode(one.due())
        one.decoded(decode.token, heard("so be it."))
        told = PublishPartial("so be it.", 0, "English", self.END, paused=True)
        assert one.due() == [told]
        assert one.due() == []

    def test_how_sure_its_mark_is_comes_with_it(self):
        one = self.utterance()
        one.paused(self.END)
        sure = replace(heard("so be it."), mark=0.75)
        one.decoded(only_decode(one.due()).token, sure)
        (told,) = one.due()
        assert isinstance(told, PublishPartial)
        assert told.mark == 0.75

    def test_it_is_told_even_if_a_partial_said_the_same(self):
        one = self.utterance()
        first = only_decode(one.due())
        one.decoded(first.token, heard("so be it."))
        (partial,) = one.due()
        assert partial == PublishPartial("so be it.", 0, "English", self.END)
        one.paused(self.END)
        one.decoded(only_decode(one.due()).token, heard("so be it."))
        assert one.due() == [PublishPartial("so be it.", 0, "English", self.END, paused=True)]

    def test_each_pause_has_its_own(self):
        one = self.utterance()
        one.paused(self.END)
        one.decoded(only_decode(one.due()).token, heard("so"))
        one.due()
        one.resumed()
        later = self.END + 4_000
        one.audio(later)
        one.paused(later)
        one.decoded(only_decode(one.due()).token, heard("so be it."))
        assert one.due() == [PublishPartial("so be it.", 0, "English", later, paused=True)]

    def test_it_keeps_what_was_stable(self):
        one = UtteranceScheduler(
            START,
            cadence=CADENCE,
            first=FIRST,
            tells_pauses=True,
            shown=PartialText(START, START, "So be", 5, None),
        )
        one.audio(self.END)
        one.paused(self.END)
        one.decoded(only_decode(one.due()).token, heard("so be it."))
        assert one.due() == [PublishPartial("So be it.", 5, "English", self.END, paused=True)]

    def test_it_is_not_told_when_speech_went_on_or_ended_meanwhile(self):
        one = self.utterance()
        one.paused(self.END)
        token = only_decode(one.due()).token
        one.resumed()
        one.decoded(token, heard("so"))
        assert not any(isinstance(each, PublishPartial) and each.paused for each in one.due())
        other = self.utterance()
        other.paused(self.END)
        token = only_decode(other.due()).token
        other.ended(self.END, "silence")
        other.decoded(token, heard("so"))
        assert only_final(other.due()).hypothesis == heard("so")
