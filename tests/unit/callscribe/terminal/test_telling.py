import io
import os
import pty
import sys

import pytest

from callscribe.terminal.telling import tell


class Closed(io.StringIO):
    """A terminal that is gone."""

    def flush(self) -> None:
        raise OSError("Input/output error")


def test_a_line_is_told_at_once():
    out = io.StringIO()
    tell("ready", out)
    assert out.getvalue() == "ready\n"


def test_who_tells_goes_on_where_nobody_listens(capsys: pytest.CaptureFixture[str]):
    tell("ready", Closed())
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform != "linux", reason="hangs up a terminal")
def test_nothing_is_left_to_write_to_a_closed_terminal():
    ours, theirs = pty.openpty()
    os.close(ours)
    with open(theirs, "w") as terminal:
        tell("ready", terminal)
        terminal.flush()
