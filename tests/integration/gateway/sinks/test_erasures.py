"""What was erased leaves every sink, also once Redis does not know it; a report says what did."""

from dataclasses import replace

import pytest

from common.bus import keys
from common.pipeline import text
from gateway.calls.erasures import Erased
from gateway.calls.store import WEBHOOK
from gateway.protocols.commands import About
from gateway.sinks.files import CallFiles
from gateway.sinks.folder import Folder
from gateway.webhooks.rules import WebhookRules
from tests.integration.callscribe.processes import until_true
from tests.integration.gateway.sinks.calls import LEG, META_KEY, final, opened, say
from tests.integration.gateway.sinks.receiver import webhooks
from tests.integration.gateway.sinks.resources import OPERATOR, STRANGER, TENANT, asking
from tests.integration.gateway.sinks.running import attending, terms

GONE = "0123456789abcdef0123456789abcdef"
"""A call that Redis does not have."""


@pytest.fixture(autouse=True)
def noticed_soon(monkeypatch, brisk):
    monkeypatch.setattr("gateway.calls.directory._NOTICE", 0.05)
    monkeypatch.setattr("gateway.sinks.delivery._RENEW_EVERY", 0.05)


async def test_a_call_that_redis_lost_leaves_its_file_once_the_folder_lets_it(link, feed, tmp_path):
    place = tmp_path / "folder"
    path = place / "1970-01-01" / f"{GONE}.ndjson"
    path.parent.mkdir(parents=True)
    path.write_text("secret")
    sink = CallFiles(terms("archive"), Folder(place))
    async with asking(link, feed, ["archive"]) as ask:
        answer = {"erased": [], "reports": [f"/v1/sessions/{GONE}/erasure"]}
        assert await ask.erase(GONE) == (202, answer)
        _, report = await ask.report(GONE)
        assert (report["session_id"], report["done"]) == (GONE, False)
        # Nobody knows whose it was: only an operator may ask, and see what became of it.
        ask.who = TENANT
        assert (await ask.report(GONE))[0] == 404
        assert (await ask.erase("f" * 32))[0] == 404
        ask.who = OPERATOR
        async with attending(link, feed, sink) as service:
            await until_true(lambda: not path.exists() and not service._running)
        _, report = await ask.report(GONE)
        assert report["done"] is True
        (said,) = report["sinks"]
        assert (said["sink"], said["state"]) == ("archive", "removed")
        assert said["at"] >= report["asked"]
        assert 0 < await link.call("TTL", keys.erasure(GONE)) <= 400 * 86_400


async def test_what_was_no_session_is_unknown_as_ever(link, feed):
    async with asking(link, feed, ["archive"]) as ask:
        for name in ("case 7", "0123", f"{GONE}0", GONE.upper()):
            assert (await ask.erase(name))[0] == 404
            assert (await ask.report(name))[0] == 404
    async with asking(link, feed, []) as ask:
        assert (await ask.erase(GONE))[0] == 404


async def test_a_webhook_is_told_of_an_erasure_once_and_behind_all_else(link, feed, receiver):
    one, url = receiver
    await opened(link, WEBHOOK, About(webhook=url))
    await say(link, 1, final("secret"))
    async with asking(link, feed, []) as ask, attending(link, feed, webhooks()) as service:
        await until_true(lambda: one.ids == ["s:0", "s:1"])
        ask.who = TENANT
        assert await ask.erase("s") == (
            200,
            {"erased": ["s"], "reports": ["/v1/sessions/s/erasure"]},
        )
        await until_true(lambda: "s:erased" in one.ids and not service._running)
        assert one.got == ["session_created", "final", "session_erased"]
        assert await ask.states("s") == {WEBHOOK: "told"}
        ask.who = STRANGER
        assert (await ask.report("s"))[0] == 404
    assert await link.call("EXISTS", META_KEY, LEG.key("text")) == 0
    # Its URL is as secret as the call.
    assert url.encode() not in b"".join(await link.call("HGETALL", keys.erasure("s")))


async def test_a_receiver_that_stays_away_is_given_up(link, feed, receiver):
    one, url = receiver
    one.status = 503
    await opened(link, WEBHOOK, About(webhook=url))
    hooks = webhooks(keep=0.3)
    async with asking(link, feed, []) as ask, attending(link, feed, hooks) as service:
        await ask.erase("s")
        await until_true(lambda: "erase/s" in service._running)
        await until_true(lambda: not service._running)
        _, report = await ask.report("s")
    (said,) = report["sinks"]
    assert (said["state"], said["reason"], report["done"]) == ("kept", "it answered 503", True)


async def test_of_a_call_that_redis_lost_the_receiver_of_all_calls_is_told(link, feed, receiver):
    one, url = receiver
    hooks = webhooks()
    async with hooks.opened():
        assert (await hooks.erase(Erased(GONE))).removal.value == "kept"
    hooks._rules = replace(hooks._rules, url=url)
    assert isinstance(hooks._rules, WebhookRules)
    async with asking(link, feed, [], webhook=True) as ask:
        assert (await ask.erase(GONE))[0] == 202
        async with attending(link, feed, hooks) as service:
            await until_true(lambda: one.ids == [f"{GONE}:erased"] and not service._running)
        assert await ask.states(GONE) == {WEBHOOK: "told"}


async def test_an_ended_call_is_erased_from_its_sink_by_its_tenant(link, feed, tmp_path):
    await opened(link, "archive")
    await say(link, 1, final("secret"))
    await say(link, 2, text.End())
    sink = CallFiles(terms("archive"), Folder(tmp_path))
    async with asking(link, feed, ["archive"]) as ask, attending(link, feed, sink) as service:
        await until_true(lambda: [*tmp_path.glob("*/s.ndjson")] and not service._running)
        ask.who = TENANT
        assert (await ask.erase("s"))[0] == 200
        await until_true(lambda: not [*tmp_path.glob("*/s.ndjson")] and not service._running)
        assert await ask.states("s") == {"archive": "removed"}
    assert await link.call("EXISTS", keys.taken("archive"), keys.due("archive")) == 0
