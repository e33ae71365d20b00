"""How processes of another release are spoken of."""

from common.bus.releases import Stranger, told


def test_processes_are_counted_by_their_release_and_kind():
    strangers = [
        Stranger(1, "vad", ""),
        Stranger(1, "asr", ""),
        Stranger(1, "vad", ""),
        Stranger(3, "gateway", "2.0.0"),
    ]
    assert told(strangers) == (
        "1 asr, 2 vad of wire version 1 and 1 gateway of release 2.0.0 (wire version 3)"
    )
