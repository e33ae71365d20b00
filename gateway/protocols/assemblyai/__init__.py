"""AssemblyAI's protocol for live audio, ``/v3/ws``: for its clients as they are.

    client   parameters in the URL, binary audio,
             {"type": "UpdateConfiguration" | "ForceEndpoint" | "KeepAlive" | "Terminate"}
    server   {"type": "Begin"}, {"type": "SpeechStarted"}, {"type": "Turn"}, {"type": "Warning"},
             {"type": "Error"}, {"type": "Termination"}

`parameters` reads the URL and `UpdateConfiguration`, `codec` the rest.
"""

from gateway.protocols.assemblyai.codec import PROTOCOL as PROTOCOL
