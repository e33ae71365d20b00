import io

import pytest

from callscribe.loadtest.progress import Progress, state
from callscribe.loadtest.tally import Tally


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def tally():
    tally = Tally()
    tally.opened(0.5, 0.01)
    tally.opened(1.0, 0.01)
    tally.was_refused(1.5, 0.002, "vad_slots")
    for tenth in range(400):
        tally.partials.add(tenth / 10, 1)
    tally.finals.add(35.0, 1)
    tally.latencies["endpoint_to_final"].add(2.0, 9.0)
    tally.latencies["endpoint_to_final"].add(35.0, 0.048)
    tally.late(36.0, 0.0062)
    return tally


def test_the_state_is_of_the_last_ten_seconds(tally):
    calls, pace = state(tally, 40.0)
    assert calls == "   40 s  2 up, 2 opened, 0 finished, 1 refused, 0 failed, 0 lost"
    assert pace == ("10.0 partials/s, 0.1 finals/s, endpoint to final p95 48 ms, own lateness 6 ms")


def test_before_anything_happened():
    assert "endpoint to final p95 -" in state(Tally(), 0.0)[1]


def test_in_a_file_it_is_a_line(tally):
    out = io.StringIO()
    with Progress(out, {"TERM": "xterm"}, tally, lambda: 40.0) as progress:
        progress.show()
        progress.show()
    first, second = out.getvalue().splitlines()
    assert first == second
    assert "\x1b" not in out.getvalue()


def test_on_a_terminal_it_is_rewritten(tally):
    out = Terminal()
    with Progress(out, {"TERM": "xterm"}, tally, lambda: 40.0) as progress:
        progress.show()
        progress.show()
    assert out.getvalue().count("\x1b[1A\x1b[J") == 1
    assert out.getvalue().endswith("\x1b[?7h\n")
    dumb = Terminal()
    with Progress(dumb, {"TERM": "dumb"}, tally, lambda: 40.0) as progress:
        progress.show()
    assert "\x1b" not in dumb.getvalue()


def test_what_was_never_shown_leaves_nothing(tally):
    out = Terminal()
    with Progress(out, {"TERM": "xterm"}, tally, lambda: 40.0):
        pass
    assert out.getvalue() == ""
