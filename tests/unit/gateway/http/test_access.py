"""What is asked about usage and tokens, without the Redis that counts and the keys of a gate."""

import json
import time
from datetime import date
from typing import Any, cast

from aiohttp.test_utils import make_mocked_request

from common.pipeline.access import SCOPES, AccessKey, new_key
from gateway.access.meter import Meter
from gateway.access.principal import anonymous
from gateway.access.tokens import claims_of
from gateway.http.access import AccessResources
from gateway.http.guard import WHO


class Unused:
    """Stands in for a meter that has counted nothing; `asked` is for which days."""

    def __init__(self) -> None:
        self.asked: tuple[date, int] | None = None

    async def usage(self, tenant: str, first: date, days: int) -> list[dict[str, Any]]:
        self.asked = first, days
        return []


class Vouching:
    """Stands in for a gate that knows one key."""

    def __init__(self, key: AccessKey) -> None:
        self._key = key

    def key_of(self, who: object) -> AccessKey:
        return self._key


async def test_a_token_for_assemblyai_says_how_long_it_counts_and_ends_with_its_key():
    expires = int(time.time()) + 600
    key = new_key("acme", SCOPES, 0, expires=expires).record
    resources = AccessResources(cast(Any, Vouching(key)), cast(Any, None))
    (route,) = (each for each in resources.routes() if "/v3/token" in str(each))
    for asked, least, most in ((60, 60, 60), (3600, 500, 600)):
        request = make_mocked_request("GET", f"/v3/token?expires_in_seconds={asked}")
        request[WHO] = anonymous("192.0.2.1")
        answer = json.loads((await cast(Any, route).handler(request)).text)
        assert least <= answer["expires_in_seconds"] <= most
        claims = claims_of(answer["token"])
        assert claims is not None
        assert claims.expires <= expires


async def test_the_first_day_that_there_is_can_be_asked_for():
    meter = Unused()
    resources = AccessResources(cast(Any, None), cast(Meter, meter))
    (usage,) = (each for each in resources.routes() if "usage" in str(each))
    request = make_mocked_request("GET", "/v1/usage?to=0001-01-01")
    request[WHO] = anonymous("192.0.2.1")
    answer = await cast(Any, usage).handler(request)
    assert answer.status == 200
    assert meter.asked == (date(1, 1, 1), 1)
