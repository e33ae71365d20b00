"""Asking the sentinels of a service for its master."""

import random

from common.errors import BusUnavailable
from common.redis.address import Address
from common.redis.pipe import ask
from common.redis.replies import pairs

_ANSWER_WITHIN = 1.0
"""Seconds until the next sentinel is asked: a silent one must not delay a failover."""


class Sentinels:
    """The sentinels in a service's address, and their newest answer.

    A sentinel that was cut off may name a former master. Every failover has a higher epoch than
    those before, so an answer with a lower epoch than the highest seen is ignored.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._epoch = 0

    async def master(self) -> Address:
        """Return the master's address, from the first sentinel that answers.

        BusUnavailable says for each sentinel why it did not help.
        """
        address = self._address
        questions = [
            ("SENTINEL", "MASTER", address.service),
            # During a failover this one already names the promoted replica.
            ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.service),
        ]
        troubles = []
        for endpoint in random.sample(address.sentinels, len(address.sentinels)):
            sentinel = address.sentinel_at(endpoint)
            try:
                facts, (host, port) = await ask(sentinel, questions, _ANSWER_WITHIN)
            except BusUnavailable as trouble:
                troubles.append(str(trouble))
                continue
            epoch = int(dict(pairs(facts))[b"config-epoch"])
            if epoch >= self._epoch:
                self._epoch = epoch
                return address.at((host.decode(), int(port)))
            troubles.append(f"the sentinel at {sentinel} has missed a failover")
        raise BusUnavailable("; ".join(troubles))
