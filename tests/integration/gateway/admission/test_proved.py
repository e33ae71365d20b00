"""The figure of a proof, from the worker's setting to the page and to a refusal."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus

from bench.stack import local_stack
from callscribe.client import connect
from callscribe.client.errors import Refused
from callscribe.client.options import Options
from callscribe.local.stack import running_stack
from tests.integration.callscribe.processes import until_true


async def test_page_and_admission_go_by_the_figure_that_workers_report():
    options = Options(encoding="pcm16", sample_rate=16_000)
    async with running_stack(local_stack(ASR_LEGS="1")) as stack:

        def stages() -> dict[str, dict[str, int]]:
            address = urlsplit(stack.url)
            connection = HTTPConnection(str(address.hostname), address.port)
            connection.request("GET", "/ws/status")
            found: dict[str, dict[str, int]] = json.load(connection.getresponse())["stages"]
            connection.close()
            return found

        assert stages()["asr"]["legs"] == 1
        assert "legs" not in stages()["vad"]
        url = stack.url.replace("http", "ws", 1) + "/ws/asr"
        async with connect(url, options) as call:
            await until_true(lambda: stages()["vad"]["used"] == 1)
            with pytest.raises(Refused) as refused:
                async with connect(url, options):
                    pass
            assert refused.value.retry_after > 0
            cause = refused.value.__cause__
            assert isinstance(cause, InvalidStatus)
            assert b"asr_legs" in cause.response.body
            await call.finalize()
            async for _ in call:
                pass
        # Its place is free for another one.
        await until_true(lambda: stages()["vad"]["used"] == 0)
        async with connect(url, options) as call:
            await call.finalize()
            async for _ in call:
                pass
