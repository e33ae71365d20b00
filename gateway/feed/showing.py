"""The one place that every result of a call passes before anything is told of it. Pure.

It is for what may be stored and not be shown. What may not even be stored is changed by the stage
that publishes it.
"""

from gateway.protocols.events import Event


def shown(event: Event) -> Event:
    """Return what clients, readers and webhooks get of an event; now that is the event itself.

    Keywords are looked for in what this returns.
    """
    return event
