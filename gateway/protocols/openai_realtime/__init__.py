"""OpenAI's Realtime API for transcription, ``/v1/realtime?intent=transcription``.

    client   {"type": "session.update"}, {"type": "input_audio_buffer.append", "audio": base64},
             {"type": "input_audio_buffer.commit"}, {"type": "input_audio_buffer.clear"}
    server   {"type": "session.created"}, {"type": "input_audio_buffer.speech_started"},
             {"type": "conversation.item.input_audio_transcription.delta"}, … ".completed"

As in the types of the official Python and JavaScript clients. The call opens with the first audio.
"""

from gateway.protocols.openai_realtime.codec import PROTOCOL as PROTOCOL
