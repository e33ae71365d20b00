import pytest

from tests.attack.scoring import Footprint
from tests.attack.watch import Logs, event_of

_OPENED = "10:08:46.329 info    gateway session.opened session=d45de800"
_FAILED = "10:08:46.329 error   gateway opening handshake failed"
_TRACEBACK = "Traceback (most recent call last):"


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (_OPENED, "session.opened"),
        (_FAILED, "opening handshake failed"),
        (_TRACEBACK, "(further lines)"),
        ("", "(further lines)"),
    ],
)
def test_the_event_of_a_line(line, event):
    assert event_of(line) == event


def test_only_what_logs_grew_by_counts(tmp_path):
    path = tmp_path / "gateway-0.log"
    path.write_text(f"{_FAILED}\n{_TRACEBACK}\n")
    logs = Logs(tmp_path.glob("*.log"), ["d45de800"])
    with path.open("a") as log:
        log.write(f"{_OPENED}\n{_OPENED}\n{_FAILED}\n{_TRACEBACK}\n")
    footprint = Footprint()
    logs.count(footprint)
    assert (footprint.log_lines, footprint.tracebacks) == (4, 1)
    assert footprint.log_bytes == 2 * len(_OPENED) + len(_FAILED) + len(_TRACEBACK) + 4
    assert footprint.events["session.opened"] == 2
    assert footprint.secrets == 2
