"""A bucket gets an object of each call, whatever its server does meanwhile, and says why if not."""

import json
from typing import Any

import pytest

from callscribe.cli import main
from common.bus import commands
from common.bus.sinks import erasure
from common.pipeline import text
from gateway.sinks.bucket_address import BucketAddress
from gateway.sinks.rules import planned
from gateway.sinks.tally import Tally
from tests.integration.callscribe.processes import until_true
from tests.integration.gateway.sinks.calls import final, opened, say
from tests.integration.gateway.sinks.running import attending

pytest.importorskip("obstore", reason="needs the extra s3")
bucket = pytest.importorskip("gateway.sinks.bucket")
buckets = pytest.importorskip("tests.integration.gateway.sinks.buckets")

_OBJECT = "live/results/1970-01-01/s.ndjson"


class Outcomes(list[str]):
    """What came of attempts, in order."""

    def sink(self, url: str) -> Any:
        """Return a sink that tells of its attempts here."""
        (plan,) = planned(f"archive={url}")
        return plan.build(Tally(self.append), 60.0)


def texts(content: bytes) -> list[str | None]:
    return [json.loads(line).get("text") for line in content.splitlines()]


async def test_a_server_that_died_gets_every_call_whole_and_once(link, feed, bucket_server):
    outcomes = Outcomes()
    await opened(link, "archive")
    await say(link, 1, final("hello"))
    async with attending(link, feed, outcomes.sink(bucket_server.url)) as service:
        await until_true(lambda: service._running)
        bucket_server.stop()
        await say(link, 2, final("zwölf"))
        await say(link, 3, text.End())
        await until_true(lambda: outcomes.count("failed") > 1)
    # Another gateway goes on.
    async with attending(link, feed, outcomes.sink(bucket_server.url)) as service:
        await until_true(lambda: outcomes.count("failed") > 2)
        bucket_server.begin()
        await until_true(lambda: "delivered" in outcomes and not service._running)
    assert bucket_server.names() == [_OBJECT]
    assert texts(bucket_server.content(_OBJECT)) == [None, "hello", "zwölf", None]


async def test_an_erased_call_is_gone_and_no_other(link, feed, bucket_server):
    outcomes = Outcomes()
    known = await opened(link, "archive")
    await say(link, 1, final("secret"))
    await say(link, 2, text.End())
    days = ("1969-12-31", "1970-01-01")
    sink = outcomes.sink(bucket_server.url)
    storage = bucket.Bucket(BucketAddress.parse(bucket_server.url))
    async with storage.opened(), attending(link, feed, sink) as service:
        await until_true(lambda: "delivered" in outcomes and not service._running)
        assert b"secret" in bucket_server.content(_OBJECT)
        for day in days:
            await storage.write(day, "other.ndjson", b"{}\n")
        await link.insist([commands.due("archive", erasure("s"))])
        await until_true(lambda: _OBJECT not in bucket_server.names())
        await sink.put(known, [])
        assert _OBJECT in bucket_server.names()
        await until_true(lambda: _OBJECT not in bucket_server.names())
        await until_true(lambda: not service._running)
    assert bucket_server.names() == [f"live/results/{day}/other.ndjson" for day in days]


async def test_a_key_from_a_file_opens_it(link, bucket_server, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    keys = tmp_path / "keys"
    there = f"[archive]\naws_access_key_id = {buckets.KEY_ID}\n"
    there += f"aws_secret_access_key = {buckets.SECRET}\n"
    keys.write_text(there)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    known = await opened(link, "archive")
    outcomes = Outcomes()
    sink = outcomes.sink(f"{bucket_server.url}&profile=archive")
    keys.unlink()
    async with sink.opened():
        assert await sink.check() == f"s3://calls: {keys}: No such file or directory"
        keys.write_text(there)
        assert await sink.put(known, []) is None
    assert (outcomes, bucket_server.names()) == (["delivered"], [_OBJECT])


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong-secret", "s3://calls: SignatureDoesNotMatch: The request"),
        ("AWS_ACCESS_KEY_ID", "nobody", "s3://calls: InvalidAccessKeyId: The access key"),
        ("CALLSCRIBE_SINKS", "archive=s3://other?endpoint={}", "s3://other: NoSuchBucket"),
        ("CALLSCRIBE_SINKS", "archive=s3://calls?endpoint=http://127.0.0.1:1", "error sending"),
    ],
)
def test_who_is_refused_is_told_why_before_a_call_is(
    bucket_server, redis_url, monkeypatch, capsys, name, value, says
):
    monkeypatch.setenv("CALLSCRIBE_SINKS", f"archive={bucket_server.url}")
    check = ["check-config", "gateway", "--redis-url", redis_url, "--connect"]
    assert main(check) == 0
    capsys.readouterr()
    monkeypatch.setenv(name, value.format(bucket_server.endpoint))
    assert main(check) == 1
    told = capsys.readouterr().err
    assert told.startswith("callscribe check-config: --sinks: archive: s3://")
    assert says in told
    assert "-secret" not in told
    assert told.count("\n") == 1


async def test_a_gateway_that_is_refused_says_so_at_its_start(
    link, feed, bucket_server, monkeypatch, caplog
):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
    async with attending(link, feed, Outcomes().sink(bucket_server.url)):
        await until_true(lambda: caplog.records)
    ((said, fields),) = [(each.getMessage(), each.fields) for each in caplog.records]
    assert (said, fields["sink"]) == ("sink.unavailable", "archive")
    assert fields["reason"].startswith("s3://calls: SignatureDoesNotMatch: ")
    assert "wrong-secret" not in fields["reason"]
