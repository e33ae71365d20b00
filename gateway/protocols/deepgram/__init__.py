"""Deepgram's protocol for live audio, ``/v1/listen``: for its clients, with only the URL changed.

    client   parameters in the URL, binary audio,
             {"type": "KeepAlive" | "Finalize" | "Configure" | "CloseStream"}
    server   {"type": "Results"}, {"type": "SpeechStarted"}, {"type": "UtteranceEnd"},
             {"type": "Metadata"}, {"type": "Error"}

`parameters` reads the URL, `messages` builds what is sent, `pauses` finds the ends of utterances,
and `codec` puts them together. The first two know nothing of live audio alone.
"""

from gateway.protocols.deepgram.codec import PROTOCOL as PROTOCOL
