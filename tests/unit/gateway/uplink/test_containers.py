"""What audio is by its first bytes; that it is refused, `test_decoder` shows."""

import pytest

from gateway.uplink.containers import CONTAINER_HEAD, container_of


def test_samples_are_no_container():
    assert container_of(bytes(CONTAINER_HEAD)) is None
    assert container_of(b"") is None


@pytest.mark.parametrize(
    ("head", "name"), [(b"OggS", "Ogg"), (b"\x1aE\xdf\xa3", "WebM or Matroska"), (b"OggX", None)]
)
def test_a_container_is_named(head, name):
    assert container_of(head) == name
