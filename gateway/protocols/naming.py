"""What a URL says of its call, for protocols whose messages have no place for it."""

from collections.abc import Sequence

from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import LONGEST_NAME, LONGEST_URL, About
from gateway.protocols.fields import printable, texts

_NAME, _URL = printable(LONGEST_NAME), printable(LONGEST_URL)


def check_labels(labels: Sequence[str], channels: int) -> None:
    """Raise `ClientError` ``invalid_option`` unless every channel has a label, or none."""
    if labels and len(labels) != channels:
        text = f"channel_labels must be as many as there are channels, {channels}"
        raise ClientError("invalid_option", text)


def about(request: Request, *, channels: int = 1, name: str = "") -> About:
    """Read `conversation_id`, `webhook` and, with commas between, `channel_labels` from the query.

    Raises `ClientError` ``invalid_option``. `name`: see `About`.
    """
    conversation, webhook = map(request.parameter, ("conversation_id", "webhook"))
    listed = request.parameter("channel_labels")
    labels: tuple[str, ...] = ()
    if listed:
        parts = [label.strip() for label in listed.split(",")]
        labels = texts(channels, LONGEST_NAME)("channel_labels", parts)
        check_labels(labels, channels)
    return About(
        labels=labels,
        conversation=_NAME("conversation_id", conversation) if conversation else "",
        name=name,
        webhook=_URL("webhook", webhook) if webhook else "",
    )
