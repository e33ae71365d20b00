"""What the endpointer promises, for any speech: invariants over random inputs."""

from dataclasses import dataclass
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from common.pipeline.control import Hint
from common.pipeline.record import Message, pack
from common.pipeline.speech import (
    Ended,
    Flushed,
    Likely,
    Paused,
    Resumed,
    Started,
)
from vad_worker.endpointer import (
    Decision,
    Endpointer,
    EndpointerParams,
    EndpointerState,
)
from vad_worker.framing import FRAME


@dataclass(frozen=True)
class Talk:
    """`frames` frames of about one probability and one energy."""

    frames: int
    probability: float
    energy: float


@dataclass(frozen=True)
class Flush:
    """A flush `beyond` samples after the last frame."""

    beyond: int


@dataclass(frozen=True)
class Skip:
    """A gap of `length` samples, `beyond` samples after the last frame."""

    beyond: int
    length: int


@dataclass(frozen=True)
class Hinted:
    """A hint, `beyond` samples after the last frame, about the open pause or the one before."""

    beyond: int
    silence: int
    eager: int
    late: bool


Step: TypeAlias = Talk | Flush | Skip | Hinted | EndpointerParams

PROBABILITIES = st.sampled_from([0.1, 0.9, 0.1, 0.9, 0.34, 0.36, 0.5]) | st.floats(0, 1)
ENERGIES = st.sampled_from([0.0, 1e-9, 1e-6, 1e-4, 1e-2, 1.0])
WITHIN = st.integers(0, FRAME - 1)
TALKS = st.builds(Talk, st.integers(1, 60), PROBABILITIES, ENERGIES)
HINTS = st.builds(Hinted, WITHIN, st.integers(1, 30_000), st.integers(0, 30_000), st.booleans())
OTHERS = st.builds(Flush, WITHIN) | st.builds(Skip, WITHIN, st.integers(1, 30_000)) | HINTS
STEPS = st.lists(st.lists(TALKS, min_size=1, max_size=6) | OTHERS.map(lambda step: [step])).map(
    lambda groups: [step for group in groups for step in group]
)


@st.composite
def parameters(draw: st.DrawFn) -> EndpointerParams:
    pre_roll = draw(st.sampled_from([4_800]) | st.integers(0, 10_000))
    least = max(6 * FRAME, 2 * pre_roll + 2 * FRAME)
    return EndpointerParams(
        threshold=draw(st.sampled_from([0.5, 0.5, 0.5, 0.0, 0.1, 0.9, 1.0])),
        silence=draw(st.sampled_from([6_000, 12_800]) | st.integers(0, 30_000)),
        min_speech=draw(st.sampled_from([0, 3_200]) | st.integers(0, 30_000)),
        max_utterance=draw(st.sampled_from([200_000]) | st.integers(least, least + 60_000)),
        pause=draw(st.sampled_from([1_600, 3_200]) | st.integers(0, 30_000)),
        pre_roll=pre_roll,
        post_roll=draw(st.sampled_from([1_600]) | st.integers(0, 10_000)),
    )


class Player:
    """Plays steps to an endpointer and keeps what came out."""

    def __init__(self, params: EndpointerParams) -> None:
        self.endpointer = Endpointer(params)
        self.heard = 0
        self.now = 0
        self.events: list[Decision] = []
        self.gaps: list[tuple[int, int]] = []
        self.flushes = 0

    def play(self, step: Step) -> None:
        match step:
            case Talk():
                for _ in range(step.frames):
                    self.heard += FRAME
                    self.take(self.endpointer.push(step.probability, step.energy), self.heard)
            case Flush():
                position = max(self.now, self.heard + step.beyond)
                events = self.endpointer.flush(position)
                assert isinstance(events[-1], Ended | Flushed)
                self.flushes += 1
                self.take(events, position)
            case Skip():
                start = max(self.now, self.heard + step.beyond)
                self.heard = start + step.length
                self.gaps.append((start, self.heard))
                self.take(self.endpointer.skip(start, self.heard), self.heard)
            case Hinted():
                position = max(self.now, self.heard + step.beyond)
                pauses = [each for each in self.events if isinstance(each, Paused)]
                for pause in pauses[-2:-1] if step.late else pauses[-1:]:
                    about = Hint(0, pause.utterance, pause.end, step.silence, step.eager)
                    self.take(self.endpointer.hint(position, about), position)
            case EndpointerParams():
                self.endpointer.configure(step)

    def take(self, events: tuple[Decision, ...], position: int) -> None:
        assert all(event.at == position for event in events)
        self.now = position
        self.events += events

    def restart(self) -> None:
        """Go on in another process."""
        state = Message(EndpointerState).unpack(pack(self.endpointer.snapshot()))
        self.endpointer = Endpointer.restore(state)


def check(player: Player) -> list[tuple[int, int]]:
    """Check the order of the events; return [start, end) of every utterance that ended."""
    spans: list[tuple[int, int]] = []
    number, last_end, at = 0, 0, 0
    started: Started | None = None
    paused: Paused | None = None
    likely: tuple[int, int] | None = None
    for event in player.events:
        assert event.at >= at
        at = event.at
        match event:
            case Started():
                assert started is None
                assert event.utterance == number + 1
                assert last_end <= event.start < event.at
                started, paused, number = event, None, event.utterance
            case Paused():
                assert started is not None
                assert paused is None
                assert (event.utterance, event.start) == (number, started.start)
                assert event.start < event.end <= event.at
                paused = event
            case Likely():
                assert paused is not None
                assert likely != (paused.utterance, paused.end)
                assert (event.utterance, event.end) == (number, paused.end)
                likely = (event.utterance, event.end)
            case Resumed():
                assert paused is not None
                assert event.utterance == number
                paused = None
            case Ended():
                assert started is not None
                assert (event.utterance, event.start) == (number, started.start)
                assert event.start < event.end <= event.at
                if paused is not None:
                    assert event.end == paused.end
                assert event.reason != "silence" or paused is not None
                spans.append((event.start, event.end))
                last_end, started, paused = event.end, None, None
            case Flushed():
                assert started is None
                assert event.utterance == number + 1
                number = event.utterance
    assert player.endpointer.utterances == number
    return spans


@given(params=parameters(), steps=STEPS)
def test_utterances_are_ordered_whole_and_no_longer_than_the_cap(
    params: EndpointerParams, steps: list[Step]
) -> None:
    player = Player(params)
    for step in steps:
        keep_from, seen = player.endpointer.keep_from, len(player.events)
        assert keep_from <= player.now
        player.play(step)
        later = player.events[seen:]
        assert all(e.start >= keep_from for e in later if isinstance(e, Started))
    player.play(Flush(0))
    spans = check(player)
    assert all(end - start <= params.max_utterance for start, end in spans)
    starts = [event for event in player.events if isinstance(event, Started)]
    assert len(starts) == len(spans)
    for gap_start, gap_end in player.gaps:
        assert not any(gap_start < start < gap_end for start, _ in spans)
    answers = [
        event
        for event in player.events
        if isinstance(event, Flushed) or (isinstance(event, Ended) and event.reason == "flush")
    ]
    assert len(answers) == player.flushes


@given(params=parameters(), steps=st.lists(TALKS | parameters(), max_size=20))
def test_parameters_may_change_at_any_time(params: EndpointerParams, steps: list[Step]) -> None:
    player = Player(params)
    for step in steps:
        player.play(step)
    player.play(Flush(0))
    check(player)


@given(params=parameters(), steps=STEPS, every=st.integers(1, 5))
def test_a_restart_at_any_frame_changes_nothing(
    params: EndpointerParams, steps: list[Step], every: int
) -> None:
    steady, restarted = Player(params), Player(params)
    single = [
        part
        for step in steps
        for part in (
            [Talk(1, step.probability, step.energy)] * step.frames
            if isinstance(step, Talk)
            else [step]
        )
    ]
    for n, step in enumerate(single):
        steady.play(step)
        restarted.play(step)
        if n % every == 0:
            restarted.restart()
    assert restarted.events == steady.events
    assert restarted.endpointer.snapshot() == steady.endpointer.snapshot()


@given(params=parameters(), steps=st.lists(TALKS, max_size=25))
def test_no_speech_long_enough_is_missed(params: EndpointerParams, steps: list[Talk]) -> None:
    player = Player(params)
    voiced: list[tuple[int, int]] = []
    for step in steps:
        start = player.heard
        player.play(step)
        if step.probability >= params.threshold and player.heard - start >= params.min_speech:
            voiced.append((start, player.heard))
    player.play(Flush(0))
    spans = check(player)
    for start, end in voiced:
        if end - start < 2 * FRAME:
            continue
        covered = sum(max(0, min(end, b) - max(start, a)) for a, b in spans)
        assert covered == end - start


@given(energies=st.lists(st.sampled_from([1e-6, 1e-2]), min_size=200, max_size=200))
def test_a_cut_is_in_a_quiet_frame_if_there_is_one(energies: list[float]) -> None:
    params = EndpointerParams(max_utterance=60 * FRAME, pre_roll=0)
    endpointer = Endpointer(params)
    for n, energy in enumerate(energies):
        for event in endpointer.push(0.9, energy):
            if isinstance(event, Ended):
                first = -(-(event.start + 2 * params.max_utterance // 3) // FRAME)
                assert energies[event.end // FRAME] == min(energies[first : n + 1])
