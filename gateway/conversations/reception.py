"""The conversations of one gateway, over all transports."""

import asyncio
from collections.abc import Callable, Iterator

from common.options import SessionOptions
from gateway.access.principal import Principal
from gateway.conversations.client import Client
from gateway.conversations.conversation import Conversation
from gateway.conversations.opening import Opening
from gateway.conversations.surroundings import Surroundings
from gateway.protocols.api import Carrier, Codec, Protocol, Request
from gateway.protocols.tracing import parent_of
from gateway.uplink.throttle import Throttle


class Reception:
    """Begins conversations and keeps them until they end; `changed` is called when one has ended.

    `audio_rate` and `audio_burst`: see `Throttle`. `flooded` tells whether no audio may be read.
    """

    def __init__(
        self,
        around: Surroundings,
        defaults: SessionOptions,
        changed: Callable[[], None],
        *,
        audio_rate: float,
        audio_burst: float,
        flooded: Callable[[], bool],
    ) -> None:
        self._around = around
        self._defaults = defaults
        self._changed = changed
        self._audio_rate = audio_rate
        self._audio_burst = audio_burst
        self._flooded = flooded
        self._conversations: set[Conversation] = set()
        self._leaving: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._conversations)

    def __iter__(self) -> Iterator[Conversation]:
        """Go through the conversations; they may end meanwhile."""
        return iter(list(self._conversations))

    @property
    def present(self) -> int:
        """How many clients are connected."""
        return sum(conversation.present for conversation in self._conversations)

    @property
    def callless(self) -> list[str]:
        """The names of conversations that have no call yet."""
        return [each.id for each in self._conversations if each.call is None]

    def codec(self, protocol: Protocol, request: Request) -> Codec:
        """Return the codec of one connection. Raises ClientError if the request is of no use."""
        return protocol.build(self._defaults, request)

    def welcome(
        self,
        protocol: Protocol,
        request: Request,
        client: Client,
        *,
        name: str,
        who: Principal,
        returning: bool = False,
    ) -> Conversation:
        """Begin a conversation with an admitted client; see `Opening`."""
        throttle = Throttle(name, client.set_paused, rate=self._audio_rate, burst=self._audio_burst)
        opening = Opening(
            self._around,
            throttle,
            name=name,
            who=who,
            protocol=protocol.name,
            vouched=protocol.credential_in is not Carrier.MESSAGES,
            returning=returning,
            resumable=protocol.resumable,
            waits_s=protocol.waits_s,
            parent=parent_of(request),
        )
        conversation = Conversation(
            self._around,
            self.codec(protocol, request),
            client,
            throttle,
            opening,
            self._ended,
            idle_s=protocol.idle_s,
        )
        self._conversations.add(conversation)
        if self._flooded():
            throttle.set_paused("memory", True)
        return conversation

    def pause_all(self, paused: bool) -> None:
        """Read no client while Redis is nearly full: workers need the rest to make room."""
        for conversation in self._conversations:
            conversation.throttle.set_paused("memory", paused)

    async def settle(self, seconds: float) -> None:
        """Wait until admission has forgotten all ended conversations, at most `seconds`."""
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=seconds)

    def _ended(self, conversation: Conversation) -> None:
        self._conversations.discard(conversation)
        if conversation.call is None:
            leaving = asyncio.create_task(conversation.opening.leave_admission())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
        self._changed()
