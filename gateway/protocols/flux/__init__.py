"""Deepgram's protocol for conversations, ``/v2/listen`` (Flux): for its clients as they are.

    client   parameters in the URL, binary audio,
             {"type": "Configure" | "ForceEndTurn" | "CloseStream"}
    server   {"type": "Connected"}, {"type": "TurnInfo"}, {"type": "ConfigureSuccess"},
             {"type": "ConfigureFailure"}, {"type": "Warning"}, {"type": "Error"}

`parameters` reads the URL and `Configure`, `codec` the rest.
"""

from gateway.protocols.flux.codec import PROTOCOL as PROTOCOL
