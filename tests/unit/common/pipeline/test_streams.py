"""What follows from the table of streams."""

import pytest

from common.pipeline import streams
from common.pipeline.streams import ALL, CHECKPOINT, PARTIAL, SPEECH, Ids, Lifetime


def test_a_stream_is_the_last_part_of_its_key():
    assert SPEECH == "speech"
    assert PARTIAL.of(7) == "part:7"
    assert CHECKPOINT.of("vad").pattern == "cs:v2:{pNN}:<leg>:ckpt:vad"
    assert streams.OUT.pattern == "cs:v2:out:<gateway>"


def test_one_of_a_kind_is_as_its_kind():
    one = PARTIAL.of(7)
    assert (one.ids, one.lifetime, one.number) == (Ids.EPOCH, Lifetime.SHORT, "")


def test_the_number_of_one_of_a_kind_can_be_read():
    assert PARTIAL.number_in(PARTIAL.of(7)) == "7"
    assert PARTIAL.number_in("text") is None
    assert PARTIAL.number_in("part") is None


def test_every_kind_is_described_once():
    assert len({each.pattern for each in ALL}) == len(ALL)
    kinds = {name for name, value in vars(streams).items() if isinstance(value, streams.Stream)}
    assert len(kinds) == len(ALL)


@pytest.mark.parametrize("stream", ALL)
def test_every_stream_that_grows_has_a_bound(stream):
    bounded = (Lifetime.CONSUMED, Lifetime.SHORT, Lifetime.RETENTION)
    one_entry, emptied = CHECKPOINT, streams.WORK_ITEMS
    if stream.ids is not Ids.NONE and stream not in (one_entry, emptied):
        assert stream.most or stream.lifetime in bounded
