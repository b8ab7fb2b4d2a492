"""Sound as numbers, and its way into a WAV file."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._params import number

Sound = NDArray[np.float32]


def rate_of(input: Mapping[str, Any]) -> int:
    """Return the sample rate in hertz: what was asked for between 8000 and 48000, else 44100."""
    asked = number(input, "sample_rate")
    return int(asked) if asked is not None and 8000 <= asked <= 48000 else 44100


def to_wav(sound: Sound, rate: int, *, peak: float = 0.82) -> bytes:
    """Write a sound, (samples,) or (samples, channels), as a 16-bit WAV file that peaks at `peak`."""
    loudest = float(np.abs(sound).max()) if sound.size else 0.0
    scaled = sound * np.float32(32767 * peak / loudest) if loudest > 0 else sound
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1 if sound.ndim == 1 else sound.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(scaled.astype("<i2").tobytes())
    return file.getvalue()


def fade(sound: Sound, rate: int, *, rise: float = 0.01, fall: float = 0.6) -> Sound:
    """Return the sound with a soft start and end, `rise` and `fall` in seconds."""
    count = len(sound)
    up, down = max(1, min(count // 2, int(rise * rate))), max(1, min(count // 2, int(fall * rate)))
    ease = np.ones(count, np.float32)
    ease[:up] = np.linspace(0, 1, up)
    ease[count - down :] *= np.linspace(1, 0, down) ** 1.5
    return (sound * (ease if sound.ndim == 1 else ease[:, None])).astype(np.float32)


def echo(sound: Sound, rate: int, *, seconds: float, strength: float, times: int = 3) -> Sound:
    """Return the sound with fading repeats; a stereo sound's repeats change sides."""
    wet = sound.copy()
    gap = max(1, int(seconds * rate))
    for n in range(1, times + 1):
        if n * gap >= len(sound):
            break
        part = sound[: len(sound) - n * gap]
        wet[n * gap :] += (part[:, ::-1] if sound.ndim == 2 and n % 2 else part) * np.float32(strength**n)
    return wet
