"""A call's events for readers: the native protocol's messages, with the name of their call."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.calls.directory import Known
from gateway.protocols.commands import KEYWORD, SLOT, SPEECH_EVENTS, TURN_EVENTS
from gateway.protocols.events import Event
from gateway.protocols.native_messages import messages

Message = dict[str, Any]


class Renderer:
    """The messages of one call."""

    def __init__(self, known: Known) -> None:
        wanted = frozenset((*SPEECH_EVENTS, *TURN_EVENTS, SLOT, KEYWORD))
        self._opened = replace(known.record.opened, events=wanted)
        self._known = known

    def begun(self) -> Message:
        """Return the message that says which call this is."""
        return described(self._known) | {"type": "session_created"}

    def ended(self) -> Message:
        """Return the message that says that nothing more will come of it."""
        return self._named({"type": "session_ended"})

    def messages(self, event: Event, now: float) -> Sequence[Message]:
        """Return the messages of an event; `now` in s since 1970."""
        return [self._named(each) for each in messages(self._opened, event, now)]

    def _named(self, message: Message) -> Message:
        message["session_id"] = self._known.session
        if self._known.record.about.conversation:
            message["conversation_id"] = self._known.record.about.conversation
        return message


def described(known: Known) -> Message:
    """Return what is known of a call without reading its results."""
    about = known.record.about
    facts = {
        "session_id": known.session,
        "conversation_id": about.conversation,
        "name": about.name,
        "channels": known.record.audio.channels,
        "channel_labels": list(about.labels),
        "started": known.opened / 1000,
    }
    return {name: value for name, value in facts.items() if value not in ("", [])}
