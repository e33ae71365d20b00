"""What a client's opening message comes to: the terms that it asks for, or why it gets no call."""

from collections.abc import Iterator
from contextlib import contextmanager

from websockets.frames import CloseCode

from common.options import SessionOptions
from common.pipeline.stages import chosen
from gateway.access.gate import Denied, Gate
from gateway.access.principal import Principal
from gateway.admission.handshake import Handshakes
from gateway.calls.opening import Refused
from gateway.protocols.api import ClientError
from gateway.protocols.commands import Open
from gateway.protocols.fields import fatal, read_fields
from gateway.protocols.options import readers, with_changes
from gateway.record import CallSpan, SessionRecord


def asked_by(
    gate: Gate, who: Principal, asked: Open, gateway: str, span: CallSpan | None
) -> SessionRecord:
    """Return the terms that a client asks for. Raises ClientError, which is fatal."""
    try:
        options = bound_by(who, asked.options)
    except ClientError as error:
        raise fatal(error) from None
    return SessionRecord(
        options=options,
        audio=asked.audio,
        events=asked.events,
        about=asked.about,
        stages=chosen(options),
        recorded=options.record,
        doorbell=gateway,
        tenant=who.tenant,
        key=who.key,
        retention=gate.retention_of(who.tenant),
        span=span,
    )


def bound_by(who: Principal, asked: SessionOptions) -> SessionOptions:
    """Return the options of a call: what its token binds comes before what its client says.

    Raises ClientError. The holder of a key can sign a token without asking us, so what it binds is
    read like what a client says.
    """
    return with_changes(asked, read_fields(readers(), who.bound))


def changed_by(who: Principal, asked: SessionOptions, record: SessionRecord) -> SessionOptions:
    """Return what a call's options change to. Raises ClientError."""
    options = bound_by(who, asked)
    if options.record and not record.recorded:
        text = "record can be switched only in a call that was opened with it"
        raise ClientError("option_fixed", text)
    return options


def vouched_for(gate: Gate, before: Principal, said: str) -> Principal:
    """Return who shows a credential in a message. Raises ClientError."""
    with _told():
        return gate.vouch(said, before)


def check_again(gate: Gate, who: Principal) -> None:
    """Raise ClientError for a key that was revoked since its holder was let in.

    A conversation is told of that from its beginning on, and admission before it may take a while.
    """
    with _told():
        gate.check_again(who)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except Denied as denied:
        closing = CloseCode.POLICY_VIOLATION
        raise ClientError(denied.code, denied.message, close_code=closing) from None


async def recounted(handshakes: Handshakes, name: str, who: Principal) -> None:
    """Count a call by who said so in a message. Raises Refused if that is one call too many."""
    if (full := await handshakes.recount(name, who)) is not None:
        pause = full.retry_after
        raise Refused("at_capacity", full.text, reason=full.reason, retry_after=pause)


def not_new() -> ClientError:
    """Return the error for a client that was admitted to resume a call, and begins a new one."""
    text = "resume=1 in the URL is for resuming a call: leave it out to begin one"
    return ClientError("resume_expected", text, close_code=CloseCode.POLICY_VIOLATION)
