import ssl

import pytest

from callscribe.cli import main
from tests.certificates import Identity, identity


def test_it_makes_one_and_keeps_it(tmp_path, capsys):
    directory = tmp_path / "certs"
    assert main(["certificate", str(directory), "calls.example"]) == 0
    said = capsys.readouterr().out
    made = Identity(directory / "fullchain.pem", directory / "privkey.pem")
    assert said == f"{made.certfile}: SHA-256 fingerprint {made.fingerprint}\n"
    assert isinstance(made.server(), ssl.SSLContext)
    assert main(["certificate", str(directory), "calls.example"]) == 0
    assert capsys.readouterr().out == said


def test_one_that_is_there_stays(tmp_path, capsys):
    other = identity(tmp_path, "other", "localhost")
    other.certfile.rename(tmp_path / "fullchain.pem")
    other.keyfile.rename(tmp_path / "privkey.pem")
    other = Identity(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")
    before = other.fingerprint
    assert main(["certificate", str(tmp_path), "calls.example"]) == 0
    assert before in capsys.readouterr().out
    assert other.fingerprint == before


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ([], "callscribe certificate: the following arguments are required: DIR"),
        (["{}/file"], "callscribe certificate: {}/file: file exists"),
        (["{}", "a b"], "callscribe certificate: 'a b' is neither a host name nor an address"),
    ],
)
def test_a_mistake_is_one_line(argv, line, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["certificate", *(each.format(tmp_path) for each in argv)]) == 2
    assert capsys.readouterr().err.startswith(line.format(tmp_path))
