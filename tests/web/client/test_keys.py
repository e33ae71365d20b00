"""The JavaScript client at a real server that needs keys."""

import asyncio
import json
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest

from tests.chaos.proxy import Proxy
from tests.integration.guarded import Guarded, guarded_stack
from tests.web.client.conftest import Drive
from tests.web.client.test_call import FORMAT, apart


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded_stack(tmp_path_factory.mktemp("guarded")) as running:
        yield running


def token(guarded: Guarded, seconds: int) -> str:
    headers = {"Authorization": f"Bearer {guarded.keys.caller}"}
    asked = Request(
        f"{guarded.pages}/v1/tokens", json.dumps({"seconds": seconds}).encode(), headers
    )
    with urlopen(asked, timeout=10) as answer:
        made: str = json.load(answer)["token"]
        return made


def refusal(drive: Drive, guarded: Guarded, **settings: str) -> str:
    """Return the code with which a new call is refused."""
    with drive(guarded.stack.url, settings={"format": FORMAT, **settings}) as program:
        code: str = program.until("over")["failure"]["code"]
        return code


def test_a_key_that_does_not_do_is_told_by_its_code(guarded: Guarded, drive: Drive):
    keys = guarded.keys
    denials = {
        "unknown_key": keys.unknown,
        "revoked_key": keys.revoked,
        "expired_key": keys.expired,
        "scope": keys.reader,
        "unknown_token": "cst_a.b",
    }
    assert refusal(drive, guarded) == "missing_key"
    for code, key in denials.items():
        assert refusal(drive, guarded, apiKey=key) == code
    assert refusal(drive, guarded, token=keys.unknown) == "unknown_key"


@apart
async def test_a_token_resumes_its_call_after_its_expiry_and_opens_no_other(
    guarded: Guarded, drive: Drive
):
    proxy = Proxy([guarded.stack.port])
    await proxy.start()
    shown, do = token(guarded, 3), asyncio.to_thread
    try:
        url = f"ws://127.0.0.1:{proxy.port}/ws/asr"
        with drive(url, settings={"format": FORMAT, "token": shown}) as program:
            await do(program.until, "created")
            codes = []
            while "expired_token" not in codes:
                codes.append(await do(refusal, drive, guarded, token=shown))
            assert set(codes) <= {"spent_token", "expired_token"}
            proxy.cut(1.0)
            await do(program.until, "resumed")
            program.do("finish")
            over = await do(program.until, "over")
    finally:
        await proxy.stop()
    assert over == {"state": "finished", "failure": None}


def test_a_reader_carries_a_key(guarded: Guarded, drive: Drive):
    keys, settings = guarded.keys, {"format": FORMAT, "apiKey": guarded.keys.whole}
    with drive(guarded.stack.url, settings=settings) as program:
        call = program.until("created")["session_id"]
        program.do("finish")
        program.until("over")
    for carried in ({"apiKey": keys.reader}, {"token": keys.reader}):
        with drive(guarded.pages, reader=call, settings=carried) as reader:
            assert reader.until("over")["state"] == "ended"
