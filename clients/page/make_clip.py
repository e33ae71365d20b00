"""Cut `src/look/clip.wav`, which the page sends to test a server, out of the sample call.

    python clients/page/make_clip.py

One sentence of the agent, PCM16 at 8 kHz; callscribe/sample/make_sample_call.py says which voice
speaks it. `src/look/clip.ts` has the sentence.
"""

from pathlib import Path

import soundfile

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "callscribe" / "sample" / "sample_call.wav"
TARGET = Path(__file__).with_name("src") / "look" / "clip.wav"
CHANNEL = 0
FROM, TO = 31.137, 33.955
"""Seconds of the sample call; the sentence lies between, with 0.2 s before it and 0.4 s after."""


def cut(target: Path) -> None:
    """Write the clip."""
    audio, rate = soundfile.read(SAMPLE, dtype="int16")
    clip = audio[round(FROM * rate) : round(TO * rate), CHANNEL]
    soundfile.write(target, clip, rate, subtype="PCM_16")


if __name__ == "__main__":
    cut(TARGET)
