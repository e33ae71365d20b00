import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callscribe.client.errors import SessionLost
from callscribe.client.replay_buffer import LONGEST_MESSAGE, NOTHING, ReplayBuffer
from common.errors import PeerMisbehaved


def buffer(frame_bytes=2, rate=10, capacity_s=1.0):
    return ReplayBuffer(frame_bytes=frame_bytes, rate=rate, capacity_s=capacity_s)


def taken(ring):
    messages = []
    while (message := ring.dequeue()) is not None:
        messages.append(message)
    return messages


def test_audio_and_controls_go_out_in_their_order():
    ring = buffer()
    ring.add_audio(b"ab")
    ring.add_control("flush")
    ring.add_control("config")
    ring.add_audio(b"c")
    ring.add_audio(b"d")
    assert ring.pending
    assert taken(ring) == [b"ab", "flush", "config", b"cd"]
    assert not ring.pending


def test_a_rewind_sends_again_exactly_what_the_server_lacks():
    ring = buffer()
    ring.add_audio(b"abcd")
    ring.add_control("flush")
    ring.add_audio(b"efg")
    ring.add_control("config")
    taken(ring)
    ring.rewind(1, 1)
    assert taken(ring) == [b"cd" + b"efg", "config"]
    ring.rewind(1, 0)
    assert taken(ring) == [b"cd", "flush", b"efg", "config"]
    ring.rewind(3, 2)
    assert taken(ring) == [b"g"]


@pytest.mark.parametrize(("sent_before", "dropped"), [(False, 1), (True, 0)])
def test_a_part_of_a_frame_ends_at_a_boundary(sent_before, dropped):
    ring = buffer()
    ring.add_audio(b"abc")
    assert taken(ring) == [b"abc"] if sent_before else True
    assert ring.cut() == dropped
    ring.add_control("flush")
    ring.add_audio(b"de")
    assert ring.cut() == 0
    assert taken(ring) == ([] if sent_before else [b"ab"]) + ["flush", b"de"]
    ring.rewind(1, 1)
    assert taken(ring) == [b"de"]
    ring.rewind(0, 0)
    assert taken(ring) == [b"ab", "flush", b"de"]


def test_acknowledged_audio_is_forgotten_and_what_follows_kept():
    ring = buffer()
    ring.add_audio(b"abcdef")
    taken(ring)
    assert ring.acknowledge(2)
    assert not ring.acknowledge(1)
    assert ring.acknowledged_s == pytest.approx(0.2)
    ring.rewind(2, 0)
    assert taken(ring) == [b"ef"]
    with pytest.raises(SessionLost, match=r"0\.100 s of audio .* follows 0\.200 s"):
        ring.rewind(1, 0)


def test_a_control_is_kept_until_audio_behind_it_is_acknowledged():
    ring = buffer()
    ring.add_audio(b"ab")
    ring.add_control("flush")
    ring.add_audio(b"cd")
    taken(ring)
    ring.acknowledge(1)
    ring.rewind(1, 0)
    assert taken(ring) == ["flush", b"cd"]
    ring.acknowledge(2)
    ring.rewind(2, 1)
    assert taken(ring) == []


def test_controls_that_were_refused_and_forgotten_leave_the_numbers_as_they_were():
    ring = buffer()
    ring.add_control("good")
    ring.add_control("bad")
    ring.add_control("worse")
    ring.add_audio(b"ab")
    taken(ring)
    ring.acknowledge(1)
    ring.add_control("flush")
    ring.rewind(1, 1)
    assert (ring.ready, ring.pending) == (True, True)
    assert taken(ring) == [NOTHING, NOTHING, "flush"]
    ring.rewind(1, 4)
    assert not ring.pending
    ring.rewind(1, 3)
    assert taken(ring) == ["flush"]


def test_a_control_that_was_refused_and_is_kept_is_sent_again_to_be_refused_again():
    ring = buffer()
    ring.add_audio(b"ab")
    ring.add_control("bad")
    taken(ring)
    ring.rewind(1, 0)
    assert taken(ring) == ["bad"]


def test_it_is_full_beyond_its_capacity_until_some_is_acknowledged():
    ring = buffer()
    ring.add_audio(bytes(20))
    assert not ring.full
    ring.add_audio(b"x")
    assert ring.full
    taken(ring)
    ring.acknowledge(1)
    assert not ring.full


def test_what_was_sent_may_be_forgotten_where_nothing_is_resumed():
    ring = buffer()
    ring.add_audio(bytes(30))
    ring.add_control("flush")
    assert ring.full
    taken(ring)
    ring.add_control("finalize")
    ring.forget_sent()
    assert not ring.full
    assert taken(ring) == ["finalize"]


def test_long_audio_goes_out_in_messages_that_servers_take():
    ring = buffer(rate=10_000)
    audio = bytes(range(256)) * 600
    ring.add_audio(audio)
    messages = taken(ring)
    assert b"".join(messages) == audio
    assert max(map(len, messages)) == LONGEST_MESSAGE


def test_only_so_much_goes_out_without_an_acknowledgement():
    ring = buffer(capacity_s=100.0)
    ring.add_audio(bytes(240))
    ring.add_control("flush")
    assert taken(ring) == [bytes(200)]
    assert (ring.ready, ring.pending) == (False, True)
    ring.acknowledge(10)
    assert ring.ready
    assert taken(ring) == [bytes(20)]
    ring.acknowledge(20)
    assert taken(ring) == [bytes(20), "flush"]
    assert (ring.ready, ring.pending) == (False, False)


def test_what_a_server_resumed_with_need_not_be_acknowledged_before_more_goes_out():
    ring = buffer(capacity_s=11.0)
    ring.add_audio(bytes(240))
    assert ring.full
    taken(ring)
    ring.rewind(100, 0)
    assert not ring.full
    assert taken(ring) == [bytes(40)]


def test_a_server_cannot_have_what_was_not_sent():
    ring = buffer()
    ring.add_audio(b"abcd")
    with pytest.raises(PeerMisbehaved, match="frame 2"):
        ring.acknowledge(2)
    with pytest.raises(PeerMisbehaved, match="frame 3"):
        ring.rewind(3, 0)
    with pytest.raises(PeerMisbehaved, match="control 1"):
        ring.rewind(0, 1)


steps = st.lists(
    st.one_of(
        st.binary(min_size=0, max_size=9),
        st.sampled_from(["control", "refused"]),
        st.tuples(st.just("send"), st.integers(0, 9)),
        st.tuples(st.just("ack"), st.floats(0, 1)),
        st.tuples(st.just("break"), st.floats(0, 1)),
    ),
    max_size=60,
)


class Model:
    """A server that loses its newest whole messages when the connection breaks.

    `controls` are those that took effect: number, bytes of audio before it, text.
    """

    def __init__(self, frame_bytes):
        self.frame_bytes = frame_bytes
        self.audio = b""
        self.controls = []
        self.numbered = 0
        self.acknowledged = 0

    def receive(self, message):
        if isinstance(message, bytes):
            self.audio += message
            return
        self.numbered += 1
        if not message.startswith("refused"):
            self.controls.append((self.numbered, len(self.audio), message))

    def lose(self, part):
        """Keep a part of what is not acknowledged; return where it goes on."""
        kept = self.acknowledged + int((len(self.audio) - self.acknowledged) * part)
        kept -= kept % self.frame_bytes
        self.audio = self.audio[:kept]
        # Of the controls just where the audio ends, some took effect.
        at_end = [control for control in self.controls if control[1] == kept]
        lost_here = len(at_end) - round(len(at_end) * part)
        self.controls = [control for control in self.controls if control[1] <= kept]
        self.controls = self.controls[: len(self.controls) - lost_here]
        self.numbered = self.controls[-1][0] if self.controls else 0
        return kept // self.frame_bytes, self.numbered


REFUSED_AND_FORGOTTEN = ["refused", bytes(8), ("send", 2), ("ack", 1.0), ("break", 1.0)]


@given(steps, st.sampled_from([1, 2, 4, 8]))
@example([*REFUSED_AND_FORGOTTEN, "control", ("send", 9), *REFUSED_AND_FORGOTTEN, "control"], 1)
@example(2 * ["control", ("send", 9), *REFUSED_AND_FORGOTTEN, ("break", 0.0)], 2)
def test_whatever_breaks_the_server_gets_everything_once_and_in_place(steps, frame_bytes):
    ring, server = buffer(frame_bytes), Model(frame_bytes)
    audio = b""
    controls: list[tuple[int, int, str]] = []
    for step in steps:
        match step:
            case bytes():
                ring.add_audio(step)
                audio += step
            case "control" | "refused":
                text = f"{step} {ring.controls + 1}"
                ring.add_control(text)
                if step == "control":
                    controls.append((ring.controls, len(audio), text))
            case "send", count:
                for _ in range(count):
                    if (message := ring.dequeue()) is not None:
                        server.receive(message)
            case "ack", part:
                frames = int(len(server.audio) * part) // frame_bytes
                server.acknowledged = max(server.acknowledged, frames * frame_bytes)
                ring.acknowledge(server.acknowledged // frame_bytes)
            case "break", part:
                ring.rewind(*server.lose(part))
        assert ring.pending or not ring.ready
    while ring.pending:
        for message in taken(ring):
            server.receive(message)
        ring.acknowledge(len(server.audio) // frame_bytes)
    assert server.audio == audio
    assert [control for control in server.controls if control[2] != NOTHING] == controls
