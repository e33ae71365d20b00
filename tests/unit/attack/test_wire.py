import pytest
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader

from tests.attack import wire


def parsed(data: bytes) -> Frame:
    """Read a frame as the gateway's library does."""
    reader = StreamReader()
    reader.feed_data(data)
    parsing = Frame.parse(reader.read_exact, mask=True)
    try:
        while True:
            next(parsing)
    except StopIteration as done:
        frame: Frame = done.value
    return frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_a_frame_of_any_size(size):
    data = wire.frame(wire.BINARY, b"a" * size)
    assert parsed(data) == Frame(Opcode.BINARY, b"a" * size)


def test_a_fragment():
    assert parsed(wire.frame(wire.TEXT, b"a", fin=False)) == Frame(Opcode.TEXT, b"a", fin=False)


def test_a_text_message():
    assert parsed(wire.text({"type": "flush"})).data == b'{"type": "flush"}'
    assert parsed(wire.text("{")).data == b"{"


def test_a_claimed_length():
    data = wire.frame(wire.BINARY, b"a", length=1 << 62)
    assert data[2:10] == (1 << 62).to_bytes(8, "big")


def test_a_frame_without_a_mask_is_shorter():
    assert wire.frame(wire.BINARY, b"abc", masked=False) == b"\x82\x03abc"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 101),
        (b"HTTP/1.0 400 Bad Request\r\n\r\n", 400),
        (b"HTTP/1.1 \r\n\r\n", None),
        (b"\x88\x02\x03\xe8\r\n\r\n", None),
    ],
)
def test_the_status_of_a_response(head, status):
    assert wire.status_of(head) == status


def served(opcode: Opcode, data: bytes) -> bytes:
    return Frame(opcode, data).serialize(mask=False)


@pytest.mark.parametrize(
    "before", [b"", served(Opcode.TEXT, b'{"type": "final"}'), b"\x88\x02\x03"]
)
def test_the_code_of_the_close_that_ends_a_connection(before):
    close = served(Opcode.CLOSE, Close(1008, "too much").serialize())
    assert wire.close_code(before + close) == 1008


def test_a_close_without_a_code():
    assert wire.close_code(served(Opcode.CLOSE, b"")) == 1005


@pytest.mark.parametrize("tail", [b"", b"\x88", served(Opcode.PONG, b"ping") * 3])
def test_an_end_without_a_close(tail):
    assert wire.close_code(tail) is None


def test_repetitions_are_whole():
    assert wire.repeated(b"abc", 10) == (b"abcabcabc", 3)
    assert wire.repeated(b"abc", 2) == (b"abc", 1)
