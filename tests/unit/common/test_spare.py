import errno

import pytest

from common.telemetry import spare
from common.telemetry.spare import Spare


class Table:
    """As the kernel's: there is room for a descriptor once the spare one is closed."""

    def __init__(self, kept: Spare) -> None:
        self.full = False
        self._kept = kept

    def open(self) -> str:
        if self.full and self._kept._held is not None:
            raise OSError(errno.EMFILE, "Too many open files")
        return "opened"


@pytest.fixture
def told(monkeypatch):
    events = []

    class Told:
        def error(self, event, **fields):
            events.append(event)

        def info(self, event):
            events.append(event)

    monkeypatch.setattr(spare, "_log", Told())
    return events


def test_where_there_is_no_other_the_spare_one_is_used_and_that_is_told_once(told, monkeypatch):
    monkeypatch.setattr(spare, "_QUIET", 0.0)
    kept = Spare()
    table = Table(kept)
    assert kept.use(table.open) == "opened"
    assert told == []
    table.full = True
    for _ in range(3):
        assert kept.use(table.open) == "opened"
        assert kept.out
    assert told == ["process.no_descriptors"]
    table.full = False
    assert kept.use(table.open) == "opened"
    assert not kept.out
    assert told == ["process.no_descriptors", "process.descriptors_free"]
    kept.close()


def test_any_other_error_is_the_callers(told):
    kept = Spare()

    def fails():
        raise OSError(errno.ECONNABORTED, "gone")

    with pytest.raises(OSError, match="gone"):
        kept.use(fails)
    assert told == []
    kept.close()
