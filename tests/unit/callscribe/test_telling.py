import io

import pytest

from callscribe.telling import tell


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
