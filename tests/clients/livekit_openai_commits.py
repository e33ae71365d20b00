"""LiveKit's OpenAI plugin with a model whose turns it finds and commits itself."""

import asyncio

from livekit.agents import inference

from tests.clients.livekit_openai import main

if __name__ == "__main__":
    detector = inference.VAD(model="silero")
    name = "livekit-plugins-openai, own VAD"
    asyncio.run(main("gpt-realtime-whisper", name, detector, silence=0.55))
