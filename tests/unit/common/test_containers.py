"""What audio is by its first bytes; that it is refused, `test_decoder` shows."""

import pytest

from common.containers import CONTAINER_HEAD, Form, begins, container_of, form_of


def test_samples_are_no_container():
    assert container_of(bytes(CONTAINER_HEAD)) is None
    assert container_of(b"") is None


@pytest.mark.parametrize(
    ("head", "form"),
    [
        (b"RIFF....WAVE", Form.WAV),
        (b"RIFX....WAVE", Form.RIFX),
        (b"RIFF....AVI ", None),
        (b"....ftypM4A ", Form.MP4),
        (b"caff", Form.CAF),
        (b"FORM", Form.AIFF),
        (b"\xff\xfb\x90\x00", None),
    ],
)
def test_a_form_is_told_by_its_first_bytes(head, form):
    assert form_of(head) is form


@pytest.mark.parametrize(("flags", "whole"), [(0, False), (2, True), (4, False)])
def test_a_page_of_ogg_tells_whether_its_stream_begins(flags, whole):
    assert begins(Form.OGG, b"OggS\0" + bytes([flags])) is whole
    assert not begins(Form.OGG, b"OggS\0")
    assert begins(Form.WEBM, b"")


def test_a_wave_may_be_read_as_samples():
    assert container_of(b"RIFF....WAVE") is None


@pytest.mark.parametrize(
    ("head", "name"), [(b"OggS", "Ogg"), (b"\x1aE\xdf\xa3", "WebM or Matroska"), (b"OggX", None)]
)
def test_a_container_is_named(head, name):
    assert container_of(head) == name
