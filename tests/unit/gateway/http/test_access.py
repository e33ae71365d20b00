"""What is asked about usage, without the Redis that counts it."""

from datetime import date
from typing import Any, cast

from aiohttp.test_utils import make_mocked_request

from gateway.access.meter import Meter
from gateway.access.principal import anonymous
from gateway.http.access import AccessResources
from gateway.http.guard import WHO


class Unused:
    """Stands in for a meter that has counted nothing; `asked` is for which days."""

    def __init__(self) -> None:
        self.asked: tuple[date, int] | None = None

    async def usage(self, tenant: str, first: date, days: int) -> list[dict[str, Any]]:
        self.asked = first, days
        return []


async def test_the_first_day_that_there_is_can_be_asked_for():
    meter = Unused()
    resources = AccessResources(cast(Any, None), cast(Meter, meter))
    (usage,) = (each for each in resources.routes() if "usage" in str(each))
    request = make_mocked_request("GET", "/v1/usage?to=0001-01-01")
    request[WHO] = anonymous("192.0.2.1")
    answer = await cast(Any, usage).handler(request)
    assert answer.status == 200
    assert meter.asked == (date(1, 1, 1), 1)
