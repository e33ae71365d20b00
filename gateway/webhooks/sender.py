"""Posts messages to the receivers of webhooks."""

import json
import time
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from common.telemetry.logs import Log
from gateway.readers.rendering import Message
from gateway.sinks.sink import Gone
from gateway.sinks.tally import Tally
from gateway.webhooks.addresses import Forbidden
from gateway.webhooks.signing import Secrets

_ANSWER_S = 15.0
"""Seconds that a receiver has to answer."""
_MOST_RETRY_AFTER = 300.0

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Sender:
    """Posts messages to receivers."""

    http: aiohttp.ClientSession
    secrets: Secrets
    tally: Tally

    async def post(self, url: str, message_id: str, message: Message) -> float | None:
        """Send a message; None if the receiver has it, else how long it wants to be left alone.

        That is 0.0 where it says nothing. Raises Gone if it wants no more. The signature's time is
        that of the attempt, since receivers refuse old ones.
        """
        body = json.dumps(message, ensure_ascii=False).encode()
        headers = self.secrets.headers(message_id, int(time.time()), body)
        headers["Content-Type"] = "application/json"
        try:
            # A redirect could lead to an address that nobody allowed.
            async with self.http.post(
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=_ANSWER_S),
            ) as answer:
                status, again = answer.status, answer.headers.get("Retry-After", "")
        except aiohttp.ClientConnectorError as error:
            reason = str(error.os_error)
            if isinstance(error.os_error, Forbidden):
                _log.warning("webhook.forbidden", reason=reason)
                self.tally.failed(reason, "forbidden")
            else:
                self.tally.failed(reason, "unreachable")
            return 0.0
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.tally.failed(type(error).__name__, "unreachable")
            return 0.0
        if 200 <= status < 300:
            self.tally.delivered()
            return None
        self.tally.failed(f"it answered {status}", "refused")
        if status == HTTPStatus.GONE:
            raise Gone("its receiver wants nothing more")
        return min(_MOST_RETRY_AFTER, float(again)) if again.isdecimal() else 0.0
