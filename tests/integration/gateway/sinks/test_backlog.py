"""What an operator sees of sinks, and what comes of telling one again and of skipping a call."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from callscribe.commands import backlog
from callscribe.commands.backlog import replay, show, skip
from common.bus import keys, sinks
from common.errors import SettingsError
from common.pipeline import text
from gateway.calls.store import WEBHOOK
from gateway.protocols.commands import About
from gateway.sinks import service as services
from tests.integration.callscribe.processes import until_true
from tests.integration.gateway.sinks.calls import META_KEY, final, opened, say
from tests.integration.gateway.sinks.receiver import webhooks
from tests.integration.gateway.sinks.running import attending

ENDED = ["s:0", "s:1", "s:2", "s:end"]


@pytest.fixture(autouse=True)
def reported_soon(monkeypatch, brisk):
    monkeypatch.setattr(services, "_RENEW_EVERY", 0.02)
    monkeypatch.setattr("gateway.sinks.delivery._RENEW_EVERY", 0.02)


async def test_no_sinks_are_none_and_an_unknown_one_is_named(link, redis_url, capsys):
    assert await show(redis_url, None, as_json=False) == 0
    assert capsys.readouterr() == ("", "no sinks\n")
    await link.insist([sinks.see(WEBHOOK)])
    with pytest.raises(SettingsError, match="no sink 'other'; there are webhook"):
        await show(redis_url, "other", as_json=False)


async def test_a_stuck_call_is_seen_with_its_message_and_why(
    link, feed, receiver, redis_url, capsys
):
    one, url = receiver
    await opened(link, WEBHOOK, About(webhook=url))
    async with attending(link, feed, webhooks()):
        await until_true(lambda: one.ids)
        one.status = 503
        await say(link, 1, final("hello"))
        await until_true(lambda: one.refused > 1)
    assert await show(redis_url, None, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    (stuck,) = told["stuck"]
    assert (stuck["session"], stuck["message"]) == ("s", "s:1")
    assert datetime.now(UTC) - datetime.fromisoformat(stuck["since"]) < timedelta(minutes=5)
    assert (told["sink"], told["served"], told["due"], told["erasures"]) == ("webhook", True, 1, 0)
    assert (told["delivered"], told["dropped"], told["reason"]) == (1, 0, "it answered 503")
    assert told["failed"] >= 1
    assert await show(redis_url, WEBHOOK, as_json=False) == 0
    head, oldest, counts, failure, call = capsys.readouterr().out.splitlines()
    assert head == "webhook  1 due, 1 stuck"
    assert oldest.startswith("    oldest: s:1, since 2")
    assert counts.startswith("    1 delivered, ")
    assert failure.endswith(": it answered 503")
    assert call.startswith("s  s:1, since 2")
    # Once it takes the message nothing is stuck.
    one.status = 200
    async with attending(link, feed, webhooks()) as service:
        await until_true(lambda: one.ids == ["s:0", "s:1"])
        await say(link, 2, text.End())
        await until_true(lambda: "s:end" in one.ids and not service._running)
    await show(redis_url, WEBHOOK, as_json=False)
    assert capsys.readouterr().out.startswith("webhook  0 due, 0 stuck\n")


async def test_a_running_call_is_told_again_from_a_seq_and_goes_on(
    link, feed, receiver, redis_url, capsys
):
    one, url = receiver
    await opened(link, WEBHOOK, About(webhook=url))
    await say(link, 1, final("one"))
    await say(link, 2, final("two"))
    async with attending(link, feed, webhooks()) as running:
        await until_true(lambda: one.ids == ["s:0", "s:1", "s:2"])
        await until_true(lambda: running._running)
        assert await replay(redis_url, WEBHOOK, ["s", "other"], None, 2) == 1
        output, errors = capsys.readouterr()
        assert output == "s  is told again\n"
        assert errors == "other: Redis does not have the call any more\n"
        await until_true(lambda: len(one.ids) == 4)
        await say(link, 3, text.End())
        await until_true(lambda: "s:end" in one.ids)
    assert one.ids == ["s:0", "s:1", "s:2", "s:2", "s:end"]


async def test_an_ended_call_is_told_again_from_its_beginning(link, feed, receiver, redis_url):
    one, url = receiver
    await opened(link, WEBHOOK, About(webhook=url))
    await say(link, 1, final("one"))
    await say(link, 2, final("two"))
    await say(link, 3, text.End())
    async with attending(link, feed, webhooks()) as running:
        await until_true(lambda: one.ids == ENDED and not running._running)
        before = datetime.now(UTC) - timedelta(minutes=1)
        assert await replay(redis_url, WEBHOOK, ["s"], None, None) == 0
        await until_true(lambda: one.ids == ENDED * 2 and not running._running)
        assert await replay(redis_url, WEBHOOK, [], before, None) == 0
        await until_true(lambda: one.ids == ENDED * 3 and not running._running)
        later = datetime.now(UTC) + timedelta(minutes=1)
        assert await replay(redis_url, WEBHOOK, [], later, None) == 0
    assert await link.call("ZCARD", keys.due(WEBHOOK)) == 0


async def test_a_replay_that_comes_as_a_call_is_finished_is_not_forgotten(
    link, feed, receiver, redis_url, monkeypatch
):
    one, url = receiver
    await opened(link, WEBHOOK, About(webhook=url))
    await say(link, 1, final("one"))
    await say(link, 2, final("two"))
    await say(link, 3, text.End())
    async with attending(link, feed, webhooks()) as running:
        finish = running._places.finish

        async def finishing(session: str) -> None:
            monkeypatch.setattr(running._places, "finish", finish)
            await replay(redis_url, WEBHOOK, ["s"], None, None)
            await finish(session)

        monkeypatch.setattr(running._places, "finish", finishing)
        await until_true(lambda: one.ids == ENDED * 2 and not running._running)


async def test_a_skipped_call_is_given_up_loudly_and_can_be_told_again(
    link, feed, receiver, redis_url, capsys, caplog
):
    one, url = receiver
    await opened(link, WEBHOOK, About(webhook=url))
    await say(link, 1, final("one"))
    one.status = 503
    async with attending(link, feed, webhooks()) as running:
        await until_true(lambda: one.refused)
        await until_true(lambda: running._running)
        assert await skip(redis_url, WEBHOOK, ["s"]) == 0
        assert capsys.readouterr().out == "s  skipped\n"
        await until_true(lambda: not running._running)
        one.status = 200
        assert await skip(redis_url, WEBHOOK, ["s"]) == 1
        assert capsys.readouterr().err == "s: webhook lacks nothing of it\n"
        (given_up,) = [each for each in caplog.records if each.message == "sink.given_up"]
        assert given_up.levelname == "WARNING"
        assert one.ids == []
        await say(link, 2, final("two"))
        await say(link, 3, text.End())
        await replay(redis_url, WEBHOOK, ["s"], None, None)
        await until_true(lambda: one.ids == ENDED)
    states = sinks.states(dict(zip(*[iter(await link.call(*sinks.read()))] * 2, strict=True)))
    assert states[WEBHOOK].dropped == 1


async def test_a_call_of_a_sink_that_no_gateway_has_is_removed(
    link, receiver, redis_url, capsys, monkeypatch
):
    monkeypatch.setattr(backlog, "_PATIENCE", 0.05)
    await opened(link, WEBHOOK, About(webhook=receiver[1]))
    await link.insist([("HSET", keys.sinks(), "webhook seen", 1)])
    assert await replay(redis_url, WEBHOOK, ["s"], None, None) == 0
    assert "no gateway has the sink webhook" in capsys.readouterr().err
    await show(redis_url, None, as_json=False)
    assert "no gateway has it since 1970" in capsys.readouterr().out
    assert await skip(redis_url, WEBHOOK, ["s"]) == 0
    assert await link.call("ZCARD", keys.due(WEBHOOK)) == 0
    assert await link.call("HGET", keys.sinks(), "webhook dropped") == b"1"
    assert await link.call("TTL", META_KEY) > 0
