"""The utterance scheduler: cadence, pauses, endings, failures, and what can never happen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.actions import (
    Action,
    Cancel,
    Decode,
    Kind,
    Prioritise,
    PublishFinal,
    PublishPartial,
)
from asr_worker.api import Hypothesis, Priority, Word
from asr_worker.scheduler import State, UtteranceScheduler
from common.errors import Misuse
from common.pipeline.partial import PartialText
from tests.unit.asr_worker.scheduling import (
    CADENCE,
    FIRST,
    SILENCE,
    START,
    heard,
    only_decode,
    only_final,
    scheduler,
)


class TestPartials:
    def test_the_first_comes_with_the_first_audio_and_before_refreshes(self):
        utterance = scheduler()
        utterance.audio(START + FIRST - 1)
        assert utterance.due() == []
        utterance.audio(START + FIRST)
        decode = only_decode(utterance.due())
        assert (decode.start, decode.end) == (START, START + FIRST)
        assert (decode.kind, decode.priority) == (Kind.PARTIAL, Priority.FIRST_PARTIAL)
        assert decode.previous is None

    def test_audio_that_arrives_meanwhile_becomes_one_follow_up(self):
        utterance = scheduler()
        utterance.audio(START + FIRST)
        first = only_decode(utterance.due())
        for position in range(START + FIRST, START + 40_000, 320):
            utterance.audio(position)
            assert utterance.due() == []
        utterance.decoded(first.token, heard("so"))
        partial, follow_up = utterance.due()
        assert partial == PublishPartial("so", 0, "English", START + FIRST)
        assert isinstance(follow_up, Decode)
        assert follow_up.end == START + 40_000 - 320
        assert follow_up.priority is Priority.REFRESH
        assert follow_up.previous == heard("so")

    @pytest.mark.parametrize(
        ("load", "took", "interval"),
        [(1.0, 0, CADENCE), (2.5, 0, 20_000), (1.0, 12_000, 12_000), (2.0, 12_000, 16_000)],
    )
    def test_the_cadence_stretches_with_load_and_with_slow_decodes(self, load, took, interval):
        utterance = scheduler()
        utterance.audio(START + FIRST)
        utterance.decoded(only_decode(utterance.due(load)).token, heard("so"), took)
        utterance.audio(START + FIRST + interval - 1)
        assert [type(action) for action in utterance.due(load)] == [PublishPartial]
        utterance.audio(START + FIRST + interval)
        assert only_decode(utterance.due(load)).end == START + FIRST + interval

    def test_until_there_are_words_they_are_asked_for_more_often(self):
        utterance = scheduler()
        utterance.audio(START + FIRST)
        utterance.decoded(only_decode(utterance.due()).token, heard(""))
        utterance.audio(START + FIRST + CADENCE // 5 - 1)
        assert utterance.due() == []
        utterance.audio(START + FIRST + CADENCE // 5)
        decode = only_decode(utterance.due())
        assert decode.end == START + FIRST + CADENCE // 5
        assert decode.priority is Priority.FIRST_PARTIAL

    def test_where_no_words_come_they_are_asked_for_no_more_often_than_elsewhere(self):
        utterance = scheduler()
        position = START + FIRST
        for _ in range(6):
            utterance.audio(position)
            utterance.decoded(only_decode(utterance.due()).token, heard(""))
            position += CADENCE
        utterance.audio(position - CADENCE // 2)
        assert utterance.due() == []
        utterance.audio(position)
        assert only_decode(utterance.due()).priority is Priority.REFRESH

    def test_what_is_shown_already_is_not_published_again(self):
        utterance = scheduler()
        published: list[Action] = []
        for count in range(1, 5):
            utterance.audio(START + count * CADENCE)
            actions = utterance.due()
            published += actions[:-1]
            decode = actions[-1]
            assert isinstance(decode, Decode)
            utterance.decoded(decode.token, heard("" if count == 1 else "yes"))
        assert published + utterance.due() == [
            PublishPartial("yes", 0, "English", START + 2 * CADENCE)
        ]

    def test_stability_comes_from_agreement(self):
        utterance = scheduler()
        for count, text in enumerate(["ask not", "ask not what", "ask not what"], start=1):
            utterance.audio(START + count * CADENCE)
            decode = utterance.due()[-1]
            assert isinstance(decode, Decode)
            utterance.decoded(decode.token, heard(text))
        assert utterance.due() == [
            PublishPartial("ask not what", len("ask not"), "English", START + 3 * CADENCE)
        ]

    def test_the_final_continues_what_was_stable(self):
        utterance = scheduler()
        for count in (1, 2, 3):
            utterance.audio(START + count * CADENCE)
            decode = utterance.due()[-1]
            assert isinstance(decode, Decode)
            utterance.decoded(decode.token, heard("ask not what"))
        utterance.paused(START + 3 * CADENCE)
        *_, decode = utterance.due()
        assert isinstance(decode, Decode)
        words = tuple(Word(text, n, n + 1.0, 0.5) for n, text in enumerate(["Ask", "nut", "why"]))
        utterance.decoded(decode.token, Hypothesis("Ask nut why", "English", words))
        assert utterance.whole is not None
        assert utterance.whole[1].text == "ask not why"
        utterance.ended(START + 3 * CADENCE, "silence")
        *_, final = utterance.due()
        assert isinstance(final, PublishFinal)
        assert final.hypothesis.text == "ask not why"
        assert final.hypothesis.words is not None
        assert [word.text for word in final.hypothesis.words] == ["ask", "not", "why"]

    def test_a_failed_one_waits_for_more_audio(self):
        utterance = scheduler()
        utterance.audio(START + FIRST)
        utterance.failed(only_decode(utterance.due()).token)
        assert utterance.due() == []
        utterance.audio(START + FIRST + CADENCE)
        assert only_decode(utterance.due()).priority is Priority.FIRST_PARTIAL

    def test_none_without_interim_results(self):
        utterance = scheduler(interim=False)
        utterance.audio(START + 100_000)
        assert utterance.due() == []
        utterance.paused(START + 50_000)
        tentative = only_decode(utterance.due())
        utterance.decoded(tentative.token, heard("so"))
        assert utterance.due() == []
        utterance.ended(START + 50_000, "silence")
        assert only_final(utterance.due()).hypothesis == heard("so")


class TestPause:
    def pause(self, *, interim: bool = True) -> tuple[UtteranceScheduler, Decode]:
        utterance = scheduler(interim=interim)
        utterance.audio(START + 30_000)
        utterance.paused(START + 20_000)
        return utterance, only_decode(utterance.due())

    def test_the_whole_utterance_is_decoded_at_once_as_important_as_a_final(self):
        _, tentative = self.pause()
        assert (tentative.start, tentative.end) == (START, START + 20_000)
        assert (tentative.kind, tentative.priority) == (Kind.TENTATIVE, Priority.FINAL)

    def test_a_partial_in_flight_makes_way(self):
        utterance = scheduler()
        utterance.audio(START + 10_000)
        partial = only_decode(utterance.due())
        utterance.audio(START + 20_000)
        utterance.paused(START + 18_000)
        cancel, tentative = utterance.due()
        assert cancel == Cancel(partial.token)
        assert isinstance(tentative, Decode)
        assert tentative.kind is Kind.TENTATIVE
        utterance.decoded(partial.token, heard("too late"))
        assert utterance.due() == []

    def test_it_waits_for_audio_that_is_not_there_yet(self):
        utterance = scheduler(interim=False)
        utterance.audio(START + 10_000)
        utterance.paused(START + 12_000)
        assert utterance.due() == []
        utterance.audio(START + 12_000)
        assert only_decode(utterance.due()).end == START + 12_000

    def test_confirmed_after_the_decode_the_final_is_there(self):
        utterance, tentative = self.pause()
        utterance.decoded(tentative.token, heard("so"))
        assert [type(action) for action in utterance.due()] == [PublishPartial]
        utterance.ended(START + 20_000, "silence")
        assert utterance.due() == [
            PublishFinal(
                START, START + 20_000, "silence", heard("so"), failed=False, token=tentative.token
            )
        ]
        assert utterance.done

    def test_confirmed_during_the_decode_the_final_waits_for_it(self):
        utterance, tentative = self.pause()
        utterance.ended(START + 20_000, "silence")
        assert utterance.due() == []
        utterance.decoded(tentative.token, heard("so"))
        assert only_final(utterance.due()).hypothesis == heard("so")

    @pytest.mark.parametrize("decoded", [False, True])
    def test_another_end_takes_another_decode(self, decoded):
        utterance, tentative = self.pause()
        if decoded:
            utterance.decoded(tentative.token, heard("so"))
            utterance.due()
        utterance.ended(START + 25_000, "flush")
        *cancelled, final = utterance.due()
        assert cancelled == ([] if decoded else [Cancel(tentative.token)])
        assert isinstance(final, Decode)
        assert (final.kind, final.end) == (Kind.FINAL, START + 25_000)
        utterance.decoded(final.token, heard("so it"))
        assert only_final(utterance.due()).hypothesis == heard("so it")

    def test_resumed_the_result_serves_as_a_partial_only(self):
        utterance, tentative = self.pause()
        utterance.resumed()
        assert utterance.due() == [Prioritise(tentative.token, Priority.REFRESH)]
        utterance.decoded(tentative.token, heard("so"))
        partial, refresh = utterance.due()
        assert isinstance(partial, PublishPartial)
        assert isinstance(refresh, Decode)
        assert (refresh.end, refresh.priority) == (START + 30_000, Priority.REFRESH)
        utterance.ended(START + 20_000, "flush")
        assert [type(action) for action in utterance.due()] == [Cancel, Decode]

    def test_resumed_without_interim_results_it_is_cancelled(self):
        utterance, tentative = self.pause(interim=False)
        utterance.resumed()
        assert utterance.due() == [Cancel(tentative.token)]

    def test_a_second_pause_replaces_the_decode_of_the_first(self):
        utterance, tentative = self.pause()
        utterance.resumed()
        utterance.due()
        utterance.paused(START + 28_000)
        cancel, second = utterance.due()
        assert cancel == Cancel(tentative.token)
        assert isinstance(second, Decode)
        assert second.end == START + 28_000

    def test_a_replayed_history_costs_one_decode(self):
        utterance = scheduler()
        utterance.audio(START + 60_000)
        utterance.paused(START + 10_000)
        utterance.resumed()
        utterance.paused(START + 50_000)
        utterance.ended(START + 50_000, "silence")
        decode = only_decode(utterance.due())
        assert (decode.kind, decode.end) == (Kind.FINAL, START + 50_000)


class TestEnding:
    def test_an_empty_utterance_needs_no_decode(self):
        utterance = scheduler()
        utterance.ended(START, "flush")
        final = only_final(utterance.due())
        assert (final.hypothesis, final.failed) == (Hypothesis(""), False)

    def test_nothing_follows_the_final(self):
        utterance = scheduler()
        utterance.audio(START + 20_000)
        partial = only_decode(utterance.due())
        utterance.ended(START + 20_000, "length")
        _, final = utterance.due()
        assert isinstance(final, Decode)
        utterance.decoded(final.token, heard("so"))
        only_final(utterance.due())
        utterance.decoded(partial.token, heard("late"))
        utterance.failed(final.token)
        utterance.audio(START + 90_000)
        assert utterance.due() == []

    def test_a_failed_final_is_repeated_once_and_then_marked(self):
        utterance = scheduler()
        utterance.audio(START + 20_000)
        utterance.decoded(only_decode(utterance.due()).token, heard("so"))
        utterance.due()
        utterance.ended(START + 20_000, "silence")
        utterance.failed(only_decode(utterance.due()).token)
        utterance.failed(only_decode(utterance.due()).token)
        assert utterance.due() == [
            PublishFinal(START, START + 20_000, "silence", heard("so"), failed=True)
        ]

    def test_a_failed_tentative_keeps_its_second_attempt_for_the_final(self):
        utterance = scheduler(interim=False)
        utterance.audio(START + 20_000)
        utterance.paused(START + 20_000)
        utterance.failed(only_decode(utterance.due()).token)
        assert utterance.due() == []
        utterance.ended(START + 20_000, "silence")
        final = only_decode(utterance.due())
        assert final.kind is Kind.FINAL
        utterance.failed(final.token)
        assert only_final(utterance.due()).failed

    def test_what_cannot_succeed_is_not_repeated(self):
        utterance = scheduler()
        utterance.audio(START + 20_000)
        utterance.ended(START + 20_000, "silence")
        utterance.failed(only_decode(utterance.due()).token, again=False)
        assert only_final(utterance.due()).failed


class TestMisuse:
    def test_events_out_of_order(self):
        utterance = scheduler()
        with pytest.raises(Misuse, match=r"resumed: .* OPEN"):
            utterance.resumed()
        utterance.ended(START, "flush")
        with pytest.raises(Misuse, match="CLOSING"):
            utterance.paused(START)

    def test_unknown_token(self):
        with pytest.raises(Misuse, match="token 0"):
            scheduler().failed(0)


class TestShownWords:
    """A caller who was shown words gets a final with words."""

    def shown(self, utterance: UtteranceScheduler, *texts: str) -> list[str]:
        """Answer a partial with each of the texts; return what is published."""
        published: list[str] = []
        position = START + FIRST
        for text in texts:
            utterance.audio(position)
            utterance.decoded(only_decode(utterance.due()).token, heard(text))
            position += 2 * CADENCE
            published += [each.text for each in utterance.due() if isinstance(each, PublishPartial)]
        return published

    def test_a_final_that_the_engine_takes_for_silence_says_what_was_shown(self):
        utterance = scheduler()
        assert self.shown(utterance, "four", "four one one") == ["four", "four one one"]
        utterance.ended(START + FIRST + CADENCE, "silence")
        utterance.decoded(only_decode(utterance.due()).token, heard(""))
        final = only_final(utterance.due())
        assert (final.hypothesis.text, final.failed) == ("four one one", False)

    def test_so_does_a_tentative_one_and_what_is_shown_is_not_taken_back(self):
        utterance = scheduler()
        self.shown(utterance, "four one")
        utterance.paused(START + FIRST)
        utterance.decoded(only_decode(utterance.due()).token, heard(""))
        told = [each.text for each in utterance.due() if isinstance(each, PublishPartial)]
        assert set(told) <= {"four one"}
        utterance.ended(START + FIRST, "silence")
        assert only_final(utterance.due()).hypothesis.text == "four one"

    def test_a_partial_without_words_takes_none_back(self):
        utterance = scheduler()
        assert self.shown(utterance, "four", "", "four one") == ["four", "four one"]

    def test_what_was_never_shown_may_be_dropped(self):
        for utterance in (scheduler(), scheduler(interim=False)):
            utterance.audio(START + FIRST)
            if decodes := utterance.due():
                utterance.decoded(only_decode(decodes).token, heard(""))
            utterance.ended(START + FIRST, "silence")
            utterance.decoded(only_decode(utterance.due()).token, heard(""))
            assert only_final(utterance.due()).hypothesis.text == ""

    def test_what_was_heard_far_behind_the_end_is_not_of_this_utterance(self):
        """VAD was away, and the recogniser went on into the next utterance."""
        utterance = scheduler()
        first, second = self.shown(utterance, "four", "four one one")
        end = START + FIRST + 2 * CADENCE - SILENCE - 1
        utterance.ended(end, "silence")
        utterance.decoded(only_decode(utterance.due()).token, heard(""))
        final = only_final(utterance.due()).hypothesis.text
        assert (final, second) == (first, "four one one")

    def test_stable_words_behind_a_late_pause_are_not_of_the_final_of_another_owner(self):
        """VAD was away until words of the silence, or of the next utterance, were stable."""
        utterance, texts = scheduler(), ("one", "one two", *["one two three four five"] * 4)
        self.shown(utterance, *texts)
        pause = START + FIRST + CADENCE
        utterance.paused(pause)
        utterance.decoded(only_decode(utterance.due()).token, heard("one, two"))
        (partial,) = (each for each in utterance.due() if isinstance(each, PublishPartial))
        stable = partial.text[: partial.stable]
        assert stable.split()[2:], "else this tests nothing"
        shown = PartialText(START, partial.end, partial.text, partial.stable, "English")
        heir = scheduler(shown=shown)
        heir.audio(pause)
        heir.ended(pause, "silence")
        heir.decoded(only_decode(heir.due()).token, heard("one two"))
        assert only_final(heir.due()).hypothesis.text == "one two"

    @pytest.mark.parametrize("answered_first", [False, True])
    def test_words_that_come_when_all_is_over_were_not_shown(self, answered_first):
        """A partial's answer beside the end: shown before it, or cancelled by it."""
        utterance = scheduler()
        utterance.audio(START + FIRST)
        token = only_decode(utterance.due()).token
        steps = [
            lambda: utterance.decoded(token, heard("four")),
            lambda: utterance.ended(START + FIRST, "silence"),
        ]
        for step in steps if answered_first else reversed(steps):
            step()
        actions = utterance.due()
        told = [each.text for each in actions if isinstance(each, PublishPartial)]
        (decode,) = (each for each in actions if isinstance(each, Decode))
        utterance.decoded(decode.token, heard(""))
        assert told == (["four"] if answered_first else [])
        assert only_final(utterance.due()).hypothesis.text == ("four" if answered_first else "")


@given(data=st.data(), interim=st.booleans())
def test_whatever_happens_the_promises_hold(data: st.DataObject, interim: bool) -> None:
    """Random histories: one decode in flight, one final, of the right audio, nothing after it."""
    utterance = scheduler(interim=interim)
    position, in_flight, state, end = START, dict[int, Decode](), State.OPEN, START
    log: list[Action] = []

    def step() -> None:
        for action in utterance.due(data.draw(st.sampled_from([1.0, 3.0]))):
            log.append(action)
            if isinstance(action, Cancel):
                del in_flight[action.token]
            elif isinstance(action, Decode):
                in_flight[action.token] = action
                assert START < action.end <= position
        assert len(in_flight) <= 1

    def answer(succeeds: bool) -> None:
        token, decode = in_flight.popitem()
        if succeeds:
            said = str(decode.end) if data.draw(st.booleans()) else ""
            utterance.decoded(token, Hypothesis(said))
        else:
            utterance.failed(token)

    for _ in range(data.draw(st.integers(0, 30))):
        event = data.draw(st.sampled_from(["audio", "pause", "resume", "answer", "fail"]))
        if event == "audio":
            position += data.draw(st.integers(0, 20_000))
            utterance.audio(position)
        elif event == "pause" and state is State.OPEN:
            state, end = State.PAUSED, data.draw(st.integers(START, position + 1_000))
            utterance.paused(end)
        elif event == "resume" and state is State.PAUSED:
            state = State.OPEN
            utterance.resumed()
        elif event in ("answer", "fail") and in_flight:
            answer(event == "answer")
        if data.draw(st.booleans()):
            step()
    if state is State.OPEN or data.draw(st.booleans()):
        end = data.draw(st.integers(START, position))
    utterance.ended(end, "silence")
    position = max(position, end)
    utterance.audio(position)
    step()
    while in_flight:
        answer(data.draw(st.booleans()))
        step()
    finals = [action for action in log if isinstance(action, PublishFinal)]
    assert len(finals) == 1
    assert log[-1] is finals[0]
    said = finals[0].hypothesis.text
    partials = [each for each in log if isinstance(each, PublishPartial)]
    shown = {each.text for each in partials if each.end <= end + SILENCE}
    assert finals[0].failed or said in {*shown, str(end), ""}
    assert finals[0].failed or said or not shown - {""} or end <= START
    if not interim:
        assert not partials
