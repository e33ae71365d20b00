"""Which sinks a setting means, and what is said of one that is wrong."""

from pathlib import Path

import pytest

from gateway.sinks.files import Folder
from gateway.sinks.rules import planned


def test_sinks_have_names_and_urls():
    archive, crm = planned("archive=file:/var/lib/call%20s, crm=postgresql://me:x=y@db/calls?a=b")
    assert (archive.name, archive.folder) == ("archive", Path("/var/lib/call s"))
    assert (crm.name, crm.url, crm.folder) == ("crm", "postgresql://me:x=y@db/calls?a=b", None)
    assert planned("") == []


def test_they_are_built_with_their_names():
    told: list[str] = []
    for each in planned("archive=file:/folder,crm=postgresql://db/calls"):
        sink = each.build(told.append, 60.0)
        assert (sink.name, sink.keep) == (each.name, 60.0)
        assert (sink.most == 0) is isinstance(sink, Folder)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("file:/folder", "no name"),
        ("Big=file:/folder", "a wrong one"),
        ("a=file:/folder,", "no name"),
        ("webhook=file:/folder", "webhook is the name of calls' own"),
        ("a=file:/x,a=file:/y", "a is there twice"),
        ("a=file:folder", "a: file: needs a folder from the root on"),
        ("a=file://host/folder", "a: file: needs a folder"),
        ("a=s3://bucket", "a is of no known kind; expected NAME=file:/folder or"),
        ("a=/folder", "a is of no known kind"),
        ("a=http://[", "a has no URL"),
    ],
)
def test_a_wrong_one_is_named(setting, says):
    with pytest.raises(ValueError, match="--sinks: ") as caught:
        planned(setting)
    assert says in str(caught.value)


@pytest.mark.parametrize("setting", ["postgresql://me:secret@db", "a=mysql://me:secret@db"])
def test_a_password_is_never_repeated(setting):
    with pytest.raises(ValueError, match="--sinks: ") as caught:
        planned(setting)
    assert "secret" not in str(caught.value)
