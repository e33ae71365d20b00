"""Which sinks a setting means, and what is said of one that is wrong."""

from pathlib import Path
from typing import Any

import pytest

from gateway.sinks.bucket_address import BucketAddress
from gateway.sinks.files import CallFiles
from gateway.sinks.rules import planned
from gateway.sinks.tally import Tally


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own keys are found."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")


def built(setting: str) -> list[Any]:
    return [each.build(Tally(print), 60.0) for each in planned(setting)]


def test_sinks_have_names_and_urls():
    archive, lake, crm, bus = built(
        "archive=file:/var/lib/call%20s,lake=s3://calls/a?event=final&days=90,"
        " crm=postgresql://me:x=y@db/calls?a=b%20c,"
        "bus=amqps://me:x%2Fy@mq:1/v%2Fh?heartbeat=5&exchange=other"
    )
    assert (archive.name, archive._storage._path) == ("archive", Path("/var/lib/call s"))
    assert (lake.name, lake._days, archive._days) == ("lake", 90, None)
    assert lake._storage._address == BucketAddress("calls", "a", None, None, None)
    assert (crm.name, crm._url) == ("crm", "postgresql://me:x=y@db/calls?a=b%20c")
    assert (bus.name, bus._url) == ("bus", "amqps://me:x%2Fy@mq:1/v%2Fh?heartbeat=5")
    assert bus._name_of_exchange == "other"
    assert planned("") == []


def test_a_topic_has_servers_and_settings_of_the_library():
    (bus,) = built("bus=kafka://one:1%2Ctwo:2/calls.v1?event=final&security.protocol=SSL")
    assert (bus.name, bus._topic) == ("bus", "calls.v1")
    assert bus._settings["bootstrap.servers"] == "one:1,two:2"
    assert bus._settings["security.protocol"] == "SSL"
    assert bus._settings["enable.idempotence"] is True
    assert not bus.picks({"type": "dtmf", "channel": 0})


def test_a_sink_gets_the_events_and_channels_that_its_url_names():
    everything, some = built(
        "a=file:/x,b=postgresql:///x?event=final&event=session_ended&ssl=off&channel=1"
    )
    assert some._url == "postgresql:///x?ssl=off"
    final = {"type": "final", "channel": 1}
    other = {"type": "final", "channel": 0}
    digit = {"type": "dtmf", "channel": 1}
    ended = {"type": "session_ended"}
    assert all(map(everything.picks, (final, other, digit, ended)))
    assert [*map(some.picks, (final, other, digit, ended))] == [True, False, False, True]


def test_they_are_built_with_their_names():
    told: list[str] = []
    for each in planned("archive=file:/folder,lake=s3://calls,crm=postgresql://db/calls"):
        sink = each.build(Tally(told.append), 60.0)
        assert (sink.name, sink.keep) == (each.name, 60.0)
        assert (sink.most == 0) is isinstance(sink, CallFiles)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("file:/folder", "no name"),
        ("Big=file:/folder", "a wrong one"),
        ("a=file:/folder,", "no name"),
        ("webhook=file:/folder", "webhook is the name of calls' own"),
        ("a=file:/x,a=file:/y", "a is there twice"),
        ("a=file:/x?event=finals", "a: event=finals is none of session_created, final,"),
        ("a=file:/x?channel=2", "a: channel=2 is none of 0, 1"),
        ("a=file:/x?channel=", "a: channel= is none of 0, 1"),
        ("a=file:/x?days=0", "a: days=0 is no number of days from 1 to 36500"),
        ("a=s3://calls?days=", "a: days= is no number of days"),
        ("a=file:/x?mode=600", "a: file: has no options but event, channel and days"),
        ("a=amqp://mq/?exchange=", "a: the exchange needs a name"),
        ("a=amqp://mq/?exchanges=x", "a: exchanges is none of the options event, channel,"),
        ("a=amqp://:5672/", "a: AMQP needs a host"),
        ("a=kafka://k:9092", "a: Kafka needs a topic"),
        ("a=kafka://k/two/parts", "a: Kafka needs a topic"),
        ("a=kafka:///topic", "a: Kafka needs a host"),
        ("a=kafka://me:hush@k/topic", "a: Kafka needs a host before the topic; a user is sasl."),
        ("a=kafka://k/topic?acks=0", "a: acks is none of the options event, channel, client.id,"),
        ("a=amqp://mq:port/", "a number as port"),
        ("a=file:folder", "a: file: needs a folder from the root on"),
        ("a=file://host/folder", "a: file: needs a folder"),
        ("a=s4://bucket", "a is of no known kind; expected NAME=file:/folder, "),
        ("a=s3:///prefix", "a: s3: needs the name of a bucket"),
        (
            "a=s3://calls?secret=hush",
            "a: secret is none of the options event, channel, days, endpoint",
        ),
        ("a=s3://calls?region=", "a: region is empty"),
        ("a=s3://calls?endpoint=minio:9000", "a: endpoint needs to be http://host:port or"),
        ("a=s3://calls?endpoint=http://me:hush@minio", "a: endpoint needs to be http://host:port"),
        ("a=s3://calls?profile=nobody", ": No such file or directory"),
        ("a=/folder", "a is of no known kind"),
        ("a=http://[", "a has no URL"),
    ],
)
def test_a_wrong_one_is_named(setting, says):
    with pytest.raises(ValueError, match="--sinks: ") as caught:
        planned(setting)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "setting",
    [
        *("postgresql://me:secret@db", "a=mysql://me:secret@db", "a=amqp://me:secret/x@mq"),
        *("a=s3://me:secret@calls", "a=s3://calls?key=secret"),
        "a=s3://calls?endpoint=http://me:secret@host",
    ],
)
def test_a_password_is_never_repeated(setting):
    with pytest.raises(ValueError, match="--sinks: ") as caught:
        planned(setting)
    assert "secret" not in str(caught.value)
