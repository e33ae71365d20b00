"""The utterance scheduler: long utterances are decoded clause by clause."""

from asr_worker.actions import (
    Action,
    Cancel,
    Decode,
    Kind,
    Prioritise,
    PublishPartial,
)
from asr_worker.api import Hypothesis, Priority
from asr_worker.clauses import Clauses
from asr_worker.scheduler import UtteranceScheduler
from common.audio import SAMPLE_RATE
from tests.unit.asr_worker.scheduling import (
    CADENCE,
    FIRST,
    START,
    at,
    heard,
    only_decode,
    only_final,
)


class TestClauses:
    """Seconds; without a pause an utterance is cut 8 s behind the last cut."""

    def scheduler(self, *, interim: bool = True, live: bool = True) -> UtteranceScheduler:
        clauses = Clauses(START, lambda start, _: start + 2 * SAMPLE_RATE)
        return UtteranceScheduler(
            START, interim=interim, cadence=CADENCE, first=FIRST, clauses=clauses, live=live
        )

    def pause(self, utterance: UtteranceScheduler, end: float, until: float) -> list[Action]:
        """Be silent from `end` to `until`, then go on; return what was due meanwhile."""
        utterance.audio(at(until))
        utterance.paused(at(end))
        actions = utterance.due()
        utterance.resumed()
        return actions

    def clause(self, utterance: UtteranceScheduler, end: float) -> Decode:
        """Return the decode of a clause that is over once there is audio up to `end`."""
        utterance.audio(at(end))
        decode = only_decode(utterance.due())
        assert (decode.kind, decode.priority) == (Kind.CLAUSE, Priority.CLAUSE)
        return decode

    def test_what_a_pause_had_decoded_is_not_decoded_again(self):
        utterance = self.scheduler(interim=False)
        tentative = only_decode(self.pause(utterance, 7.0, 7.5))
        utterance.decoded(tentative.token, heard("ask not"))
        utterance.audio(at(11.0))
        assert utterance.due() == []
        utterance.ended(at(11.0), "silence")
        last = only_decode(utterance.due())
        assert (last.kind, last.start, last.end) == (Kind.FINAL, at(7.0), at(11.0))
        utterance.decoded(last.token, heard("what"))
        final = only_final(utterance.due())
        assert (final.hypothesis.text, final.token) == ("ask not what", last.token)

    def test_a_tentative_decode_that_becomes_a_clause_is_less_urgent(self):
        utterance = self.scheduler(interim=False)
        tentative = only_decode(self.pause(utterance, 7.0, 7.5))
        assert utterance.due() == [Prioritise(tentative.token, Priority.CLAUSE)]
        assert utterance.due() == []
        utterance.audio(at(10.0))
        utterance.ended(at(10.0), "silence")
        assert utterance.due() == [Prioritise(tentative.token, Priority.FINAL)]

    def test_without_a_pause_the_clause_is_decoded_while_speech_goes_on(self):
        utterance = self.scheduler(interim=False)
        utterance.audio(at(12.0))
        assert utterance.due() == []
        decode = self.clause(utterance, 12.5)
        assert (decode.start, decode.end) == (START, at(8.0))
        utterance.decoded(decode.token, heard("ask not"))
        assert utterance.due() == []
        utterance.ended(at(12.5), "flush")
        last = only_decode(utterance.due())
        assert (last.start, last.end) == (at(8.0), at(12.5))

    def test_partials_are_of_the_last_clause_and_show_all(self):
        utterance = self.scheduler()
        decode = self.clause(utterance, 12.5)
        utterance.decoded(decode.token, heard("ask not"))
        partial = only_decode(utterance.due())
        assert (partial.kind, partial.start, partial.end) == (Kind.PARTIAL, at(8.0), at(12.5))
        utterance.decoded(partial.token, heard("what"))
        assert utterance.due() == [PublishPartial("ask not what", 0, "English", at(12.5))]

    def test_a_word_behind_a_pause_is_decoded_with_the_clause_before(self):
        utterance = self.scheduler(interim=False)
        tentative = only_decode(self.pause(utterance, 7.0, 7.5))
        utterance.decoded(tentative.token, heard("ask not"))
        utterance.audio(at(8.5))
        utterance.ended(at(8.5), "silence")
        last = only_decode(utterance.due())
        assert (last.start, last.end) == (START, at(8.5))

    def test_what_continues_a_decode_must_begin_where_it_did(self):
        utterance = self.scheduler()
        decode = self.clause(utterance, 12.5)
        assert decode.previous is None
        utterance.decoded(decode.token, heard("ask not"))
        partial = only_decode(utterance.due())
        assert partial.previous is None
        utterance.decoded(partial.token, heard("what"))
        utterance.due()
        utterance.audio(at(13.5))
        assert only_decode(utterance.due()).previous == heard("what")

    def test_the_language_is_that_of_the_clauses_before(self):
        utterance = self.scheduler(interim=False)
        decode = self.clause(utterance, 12.5)
        assert decode.language is None
        utterance.decoded(decode.token, Hypothesis("pas", "French"))
        utterance.ended(at(12.5), "flush")
        assert only_decode(utterance.due()).language == "French"

    def test_a_clause_in_flight_becomes_urgent_and_is_followed_by_the_last(self):
        utterance = self.scheduler()
        decode = self.clause(utterance, 12.5)
        utterance.ended(at(12.5), "flush")
        assert utterance.due() == [Prioritise(decode.token, Priority.FINAL)]
        utterance.decoded(decode.token, heard("ask not"))
        assert only_decode(utterance.due()).start == at(8.0)

    def test_a_cut_that_a_pause_moves_is_decoded_anew(self):
        utterance = self.scheduler(interim=False)
        guessed = self.clause(utterance, 12.5)
        utterance.paused(at(11.0))
        cancel, wanted = utterance.due()
        assert cancel == Cancel(guessed.token)
        assert isinstance(wanted, Decode)
        assert (wanted.start, wanted.end) == (START, at(11.0))

    def test_cuts_are_not_guessed_where_audio_runs_ahead(self):
        utterance = self.scheduler(interim=False, live=False)
        utterance.audio(at(25.0))
        assert utterance.due() == []
        utterance.paused(at(9.0))
        tentative = only_decode(utterance.due())
        assert (tentative.start, tentative.end) == (START, at(9.0))

    def test_an_announced_end_leaves_its_clauses_to_decode_one_after_the_other(self):
        utterance = self.scheduler(interim=False, live=False)
        utterance.audio(at(25.0))
        utterance.paused(at(20.5))
        ends = []
        for _ in range(3):
            decode = only_decode(utterance.due())
            ends.append((decode.kind, decode.end))
            utterance.decoded(decode.token, heard("so"))
        assert ends == [
            (Kind.CLAUSE, at(8.0)),
            (Kind.CLAUSE, at(16.0)),
            (Kind.TENTATIVE, at(20.5)),
        ]
        assert utterance.whole == (at(20.5), heard("so so so"))
        assert utterance.rest == at(4.5) - START

    def test_a_failed_clause_stops_neither_the_next_ones_nor_partials(self):
        utterance = self.scheduler()
        utterance.failed(self.clause(utterance, 12.5).token)
        partial = only_decode(utterance.due())
        assert (partial.kind, partial.start, partial.end) == (Kind.PARTIAL, at(8.0), at(12.5))
        utterance.decoded(partial.token, heard("what"))
        assert utterance.due() == [PublishPartial("what", 0, "English", at(12.5))]
        second = self.clause(utterance, 20.5)
        assert (second.start, second.end) == (at(8.0), at(16.0))
        utterance.decoded(second.token, heard("what your"))
        utterance.ended(at(20.5), "flush")
        for start, end, text in ((0.0, 8.0, "ask not"), (16.0, 20.5, "country")):
            decode = only_decode(utterance.due())
            assert (decode.kind, decode.start, decode.end) == (Kind.FINAL, at(start), at(end))
            utterance.decoded(decode.token, heard(text))
        final = only_final(utterance.due())
        assert (final.hypothesis.text, final.failed) == ("ask not what your country", False)

    def test_a_pause_leaves_a_failed_clause_for_the_end(self):
        utterance = self.scheduler(interim=False)
        utterance.failed(self.clause(utterance, 12.5).token)
        utterance.paused(at(12.5))
        tentative = only_decode(utterance.due())
        assert (tentative.kind, tentative.start) == (Kind.TENTATIVE, at(8.0))
        utterance.decoded(tentative.token, heard("what"))
        assert (utterance.due(), utterance.whole) == ([], None)
        utterance.ended(at(12.5), "silence")
        assert only_decode(utterance.due()).end == at(8.0)

    def test_a_failed_clause_waits_for_the_end_and_fails_the_final_there(self):
        utterance = self.scheduler(interim=False)
        utterance.failed(self.clause(utterance, 12.5).token)
        utterance.audio(at(13.0))
        assert utterance.due() == []
        utterance.ended(at(13.0), "flush")
        again = only_decode(utterance.due())
        assert (again.kind, again.end) == (Kind.FINAL, at(8.0))
        utterance.failed(again.token)
        assert only_final(utterance.due()).failed
