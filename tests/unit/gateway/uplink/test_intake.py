"""The legs of one call, in step: what a client sends becomes what each leg's stream gets."""

from collections.abc import Sequence
from typing import cast

import pytest

from common.bus import wire
from common.bus.wire import StreamId
from common.options import SessionOptions
from common.pipeline.control import HIDDEN_DIGIT, Digit, Hint
from common.pipeline.record import pack
from gateway.protocols.api import ClientError
from gateway.protocols.commands import About, AudioFormat
from gateway.protocols.events import AudioAck, Event
from gateway.record import SessionRecord
from gateway.uplink.intake import Intake
from gateway.uplink.leg import StoredLeg
from gateway.uplink.writer import MOST_WAITING, Uplink
from tests.unit.gateway.stand_ins import Table, taken

STEREO = AudioFormat("pcm16", 16_000, 2)
TELEPHONE = AudioFormat("mulaw", 8_000, 1)


class Call:
    """An intake, and what it tells its surroundings."""

    def __init__(
        self,
        audio: AudioFormat = STEREO,
        *stream_ids: StreamId,
        events: frozenset[str] = frozenset(),
        options: SessionOptions | None = None,
    ) -> None:
        self.table = Table()
        self.around = self.table.around
        self.acked: list[int] = []
        record = SessionRecord(
            options or SessionOptions(), audio, events, About(), frozenset(), "g"
        )
        self.intake = Intake(
            cast(Uplink, self.around),
            self.table.metrics,
            "s",
            "owner",
            record,
            self.table.conversation.throttle,
            self,
            stored=[StoredLeg(stream_id, ended=False) for stream_id in stream_ids],
            on_superseded=lambda: None,
        )

    def tell(self, events: Sequence[Event]) -> None:
        self.acked += [event.position for event in events if isinstance(event, AudioAck)]

    def object(self, error: ClientError) -> None:
        raise error

    def wrote(self, *until: int) -> None:
        """Let the uplink say how far each leg is written."""
        for leg, position in zip(self.intake.legs, until, strict=True):
            leg.written = position
            leg.on_written()


def intake(audio: AudioFormat = STEREO, *stream_ids: StreamId) -> Intake:
    return Call(audio, *stream_ids).intake


def written(intake: Intake) -> list[list[bytes]]:
    return [[value for _, value in taken(leg)] for leg in intake.legs]


def test_channels_go_to_their_legs_in_step():
    call = intake()
    frames = b"\x01\x00\x02\x00" * 10
    call.push(frames[:7])
    assert call.position == 1
    call.push(frames[7:])
    assert call.position == 10
    assert written(call) == [[b"\x01\x00" * 10], [b"\x02\x00" * 10]]


def test_a_control_reaches_every_leg_behind_the_audio_before_it():
    call = intake()
    call.push(bytes(40))
    call.flush(1)
    call.push(bytes(4))
    call.finish(2)
    audio, rest = bytes(20), bytes(2)
    assert written(call) == [[audio, b"flush", rest, b"end"]] * 2


@pytest.mark.parametrize(
    ("options", "stored"),
    [
        (SessionOptions(), "5"),
        (SessionOptions(language="English", redact=("email",)), "5"),
        (SessionOptions(language="English", redact=("email", "pci")), HIDDEN_DIGIT),
    ],
)
def test_a_digit_is_stored_unless_numbers_are_hidden(options, stored):
    call = Call(options=options).intake
    call.digit(1, "5", 1)
    for leg in call.legs:
        part = leg.dequeue()
        assert part is not None
        assert pack(Digit(1, stored)) in part[1]


def test_a_flush_that_is_lost_with_a_legs_stream_is_asked_for_again_in_step():
    call = intake()
    call.push(bytes(40))
    call.flush(1)
    (first,) = call.flushes
    written(call)
    for leg in call.legs:  # of what was written long ago, nothing is kept
        leg.rewind(StreamId(10, 2))
    call.legs[1].on_deleted()
    (second,) = call.flushes
    assert (first.at, second.at) == (StreamId(10, 2), StreamId(10, 3))
    assert written(call) == [[b"flush"], [b"flush"]]


def test_a_flush_that_is_written_again_is_not_asked_for_again():
    call = intake()
    call.flush(1)
    (flush,) = call.flushes
    written(call)
    call.legs[1].rewind(wire.NOTHING)
    call.legs[1].on_deleted()
    assert list(call.flushes) == [flush]
    assert written(call) == [[], [b"flush"]]


def test_what_waits_in_the_resampler_comes_out_before_a_control():
    call = intake(TELEPHONE)
    call.push(bytes(800))
    assert call.position < 1_600
    call.flush(1)
    assert call.position == 1_600
    call.push(bytes(80))
    call.finish(2)
    assert call.position == 1_760
    (leg,) = written(call)
    assert [len(part) for part in leg if len(part) > 10] == [3_200, 320]
    assert [part for part in leg if len(part) < 10] == [b"flush", b"end"]


def test_new_options_are_the_calls_from_then_on():
    call = intake()
    options = SessionOptions(context="changed")
    call.configure(options, 1)
    assert call.record.options == options
    assert written(call) == [[b"config"], [b"config"]]


def test_a_part_of_a_frame_is_told_at_the_end():
    call = intake()
    assert call.truncated is None
    call.push(bytes(7))
    assert call.truncated is not None


def test_nothing_is_written_before_redis_holds_the_call():
    call = Call()
    call.intake.push(bytes(40))
    call.intake.flush(1)
    assert call.around.touched == set()
    call.intake.attach()
    assert call.around.touched == set(call.intake.legs)
    call.around.touched.clear()
    call.intake.push(bytes(40))
    assert call.around.touched == set(call.intake.legs)


def test_legs_are_under_the_uplinks_care_while_attached():
    call = Call()
    call.intake.attach()
    assert call.around.legs == set(call.intake.legs)
    call.intake.detach()
    assert call.around.legs == set()


def test_what_arrives_is_counted_and_dated():
    call = Call()
    call.intake.push(bytes(4 * 8_000))
    assert call.table.metrics.audio._value.get() == 1.0
    assert (call.intake.arrivals.age(8_000) or 0) > 0


def test_a_call_is_read_again_once_redis_has_all_of_either_leg():
    call = Call(STEREO)
    call.intake.attach()
    call.intake.push(bytes(4 * (MOST_WAITING // 2 + 1)))
    assert call.table.client.paused == [True]
    for leg in call.intake.legs:
        leg.waiting = 0
        leg.on_written()
    assert call.table.client.paused == [True, False]


# --- resumed ---


def test_a_new_call_begins_at_the_beginning():
    assert (intake().start, intake().position) == (0, 0)


def test_a_resumed_call_goes_on_where_the_leg_with_less_ends():
    call = intake(STEREO, StreamId(100, 1), StreamId(60, 3))
    assert (call.start, call.position) == (60, 60)
    call.push(b"\x01\x00\x02\x00" * 100)
    assert call.position == 160
    assert written(call) == [[b"\x01\x00" * 60], [b"\x02\x00" * 100]]


def test_at_another_rate_it_goes_on_a_little_before():
    call = intake(TELEPHONE, StreamId(16_000, 1))
    assert call.start < 8_000
    assert call.position == 2 * call.start
    call.push(bytes(8_000 - call.start))
    assert written(call) == [[]]
    call.push(bytes(800))
    call.flush(1)
    (leg,) = written(call)
    assert [len(part) for part in leg] == [2 * 1_600, len(b"flush")]


def test_a_leg_without_audio_begins_at_the_beginning():
    call = intake(STEREO, wire.NOTHING, StreamId(0, 1))
    assert (call.start, call.position) == (0, 0)


# --- acknowledged ---

ACKS = frozenset(("audio_ack",))


def test_two_seconds_are_held_back_and_a_second_is_the_least_news():
    call = Call(AudioFormat("pcm16", 16_000, 1), events=ACKS)
    seen = []
    for until in (16_000, 32_000, 47_999, 48_000, 63_999, 64_000, 160_000):
        call.wrote(until)
        seen.append(len(call.acked))
    assert seen == [0, 0, 0, 1, 1, 2, 3]
    assert call.acked == [16_000, 32_000, 128_000]


def test_nobody_is_told_unasked():
    call = Call(AudioFormat("pcm16", 16_000, 1))
    call.wrote(160_000)
    assert call.acked == []


def test_the_leg_with_less_counts():
    call = Call(events=ACKS)
    call.wrote(160_000, 0)
    assert call.acked == []
    call.wrote(160_000, 80_000)
    assert call.acked == [48_000]


def test_what_is_acknowledged_a_resumed_call_will_not_ask_for():
    call = Call(TELEPHONE, events=ACKS)
    call.wrote(160_000)
    (acked,) = call.acked
    assert acked <= (160_000 - 32_000) / 2
    assert intake(TELEPHONE, StreamId(160_000, 1)).start >= acked
    # Nor would it if Redis had lost its newest two seconds.
    assert intake(TELEPHONE, StreamId(128_000, 1)).start >= acked


def test_what_never_came_is_left_out_of_every_leg():
    call = intake(TELEPHONE)
    call.push(bytes(8_000))
    call.skip(8_000)
    assert call.position == 32_000
    call.push(bytes(8_000))
    call.flush(1)
    assert call.position == 48_000
    (values,) = written(call)
    assert sum(len(value) for value in values if value != b"flush") == 2 * 2 * 16_000


def test_a_digit_goes_to_every_leg_so_that_controls_are_counted_alike():
    call = intake(STEREO)
    call.digit(1, "#", 1)
    assert written(call) == [[b"digit"]] * 2


def test_a_hint_goes_to_every_leg_so_that_controls_are_counted_alike():
    call = intake()
    call.push(bytes(40))
    call.hint(Hint(1, 3, 5, 6_400))
    call.flush(1)
    assert written(call) == [[bytes(20), b"hint", b"flush"]] * 2
    assert len({leg.end for leg in call.legs}) == 1
