"""Make `sample_call.wav` and its reference `sample_call.json`, identical to the bit each time.

    python -m callscribe.sample.make_sample_call

Two synthesised voices on a simulated telephone line: 8 kHz, G.711 mu-law, agent on channel 0,
caller on channel 1. Only making the files needs two programs on PATH:

- agent: `hibari` (PyPI: hibari-tts 0.2.1, Apache-2.0, its voice "heart" included)
- caller: `flite` (Debian: flite 2.2, with its voice "rms" of CMU ARCTIC, on CMU's BSD-like terms)

The dialogue is fiction, written for this project, under this project's licence.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from common.audio import FloatArray

RATE = 8_000
CHANNELS = ("agent", "caller")

_LEAD_IN = 0.8
_LEAD_OUT = 1.2
_PASSBAND = (300.0, 3400.0)
"""Hz; ITU-T G.712's telephone channel."""
_SPEECH_LEVEL = (-21.0, -24.0)
"""Root mean square of each channel's speech, dB relative to full scale."""
_NOISE_LEVEL = (-58.0, -50.0)
"""Line noise of each channel, dB relative to full scale."""
_SILENCE = 0.01
"""Share of a turn's peak; a synthesiser's silence before and after the words is below it."""

_VOICES = {
    "agent": {"program": "hibari-tts 0.2.1", "voice": "heart", "licence": "Apache-2.0"},
    "caller": {"program": "flite 2.2", "voice": "rms (CMU ARCTIC)", "licence": "BSD-like, CMU"},
}


@dataclass(frozen=True)
class Turn:
    """One turn: `wait` seconds after the previous one ended, negative when it interrupts."""

    channel: int
    wait: float
    text: str


AGENT, CALLER = range(2)
DIALOGUE = (
    Turn(
        AGENT,
        0.0,
        "Thank you for calling Northwind Energy, this is Sarah speaking. How can I help you today?",
    ),
    Turn(CALLER, 0.7, "Hello. My name is Daniel Carter. I have a question about my last bill."),
    Turn(CALLER, 1.0, "It is almost twice as high as the one before."),
    Turn(AGENT, 0.5, "I am sorry to hear that, Daniel. Let me have a look at your account."),
    Turn(AGENT, 1.1, "On which street do you live?"),
    Turn(CALLER, 0.6, "I live on Maple Street, in the white house next to the library."),
    Turn(AGENT, 0.8, "Thank you, I found it. Nobody was at home when we came to read the meter."),
    Turn(AGENT, 0.35, "So the amount on your bill is only an estimate."),
    Turn(CALLER, -0.4, "Oh, that makes sense. We were away for the whole month."),
    Turn(AGENT, 0.6, "Could you send us a photo of the meter?"),
    Turn(CALLER, 0.5, "Yes, of course. I can do that this afternoon."),
    Turn(
        AGENT,
        0.5,
        "Wonderful. I will correct the bill as soon as we have it, "
        "and you will get an email from us.",
    ),
    Turn(CALLER, 0.6, "Great. Thank you very much for your help."),
    Turn(AGENT, 0.4, "You are very welcome. Have a nice day."),
    Turn(CALLER, 0.5, "And you as well. Goodbye."),
)


def main() -> None:
    """Write both files beside this one."""
    folder = Path(__file__).parent
    turns = [_trimmed(_spoken(turn)) for turn in DIALOGUE]
    starts = _starts(turns)
    length = max(start + len(turn) for start, turn in zip(starts, turns, strict=True))
    call = np.zeros((length + round(_LEAD_OUT * RATE), len(CHANNELS)), np.float32)
    for turn, start, samples in zip(DIALOGUE, starts, turns, strict=True):
        call[start : start + len(samples), turn.channel] += samples
    noise = np.random.default_rng(seed=1)
    for channel in range(len(CHANNELS)):
        call[:, channel] = _line(call[:, channel], channel, noise)
    soundfile.write(folder / "sample_call.wav", call, RATE, subtype="ULAW")
    reference = _reference(starts, turns)
    text = json.dumps(reference, indent=1, ensure_ascii=False) + "\n"
    (folder / "sample_call.json").write_text(text, encoding="utf-8")


def _spoken(turn: Turn) -> FloatArray:
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "turn.wav"
        if turn.channel == AGENT:
            command = ["hibari", turn.text, "--speed", "1.05", "--seed", "0"]
            command += ["--threads", "1", "--out", str(wav)]
        else:
            command = ["flite", "-voice", "rms", "--setf", "duration_stretch=0.92"]
            command += ["-t", turn.text, "-o", str(wav)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        samples, rate = soundfile.read(wav, dtype="float32")
    resampled: FloatArray = soxr.resample(samples, rate, RATE)
    return resampled


def _trimmed(samples: FloatArray) -> FloatArray:
    loud = np.flatnonzero(np.abs(samples) > _SILENCE * np.abs(samples).max())
    return samples[loud[0] : loud[-1] + 1]


def _starts(turns: Sequence[FloatArray]) -> list[int]:
    starts: list[int] = []
    end = round(_LEAD_IN * RATE)
    for turn, samples in zip(DIALOGUE, turns, strict=True):
        starts.append(end + round(turn.wait * RATE))
        end = starts[-1] + len(samples)
    return starts


def _line(samples: FloatArray, channel: int, noise: np.random.Generator) -> FloatArray:
    """Band-limit speech to its level and add noise in the same band."""
    speech = _band_limited(samples)
    hiss = _band_limited(noise.standard_normal(len(samples)).astype(np.float32))
    active = speech[samples != 0]
    return _at_level(speech, active, _SPEECH_LEVEL[channel]) + _at_level(
        hiss, hiss, _NOISE_LEVEL[channel]
    )


def _band_limited(samples: FloatArray) -> FloatArray:
    """Zero-phase band-pass with cosine edges a tenth of the edge frequency wide."""
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    low, high = _PASSBAND
    rise = np.clip((frequencies - 0.9 * low) / (0.1 * low), 0, 1)
    fall = np.clip((1.1 * high - frequencies) / (0.1 * high), 0, 1)
    gain = np.sin(np.pi / 2 * rise) * np.sin(np.pi / 2 * fall)
    return np.fft.irfft(np.fft.rfft(samples) * gain, len(samples)).astype(np.float32)


def _at_level(samples: FloatArray, measured: FloatArray, level: float) -> FloatArray:
    return samples * np.float32(10 ** (level / 20) / np.sqrt(np.mean(measured**2)))


def _reference(starts: Sequence[int], turns: Sequence[FloatArray]) -> dict[str, object]:
    return {
        "sample_rate": RATE,
        "channels": CHANNELS,
        "voices": _VOICES,
        "turns": [
            {
                "channel": turn.channel,
                "start": round(start / RATE, 3),
                "end": round((start + len(samples)) / RATE, 3),
                "text": turn.text,
            }
            for turn, start, samples in zip(DIALOGUE, starts, turns, strict=True)
        ],
        "text": [
            " ".join(turn.text for turn in DIALOGUE if turn.channel == channel)
            for channel in range(len(CHANNELS))
        ],
    }


if __name__ == "__main__":
    main()
