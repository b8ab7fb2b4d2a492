"""Songs with chords, bass and melody; a soft voice that hums a text; weather and water; all as WAV."""

from __future__ import annotations

import io
import random
import re
import wave
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._inputs import LENGTHS, dice, key_of, number, prompt_of, seconds_of
from ._scene import load

Sound = NDArray[np.float32]
_NOTES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


def play_song(input: Mapping[str, Any], *, index: int = 0) -> bytes:
    """Return a song as a 16-bit stereo WAV file, 8 s long unless asked otherwise and 60 s at most.

    `prompt` (or `lyrics`) and `seed` decide the song; `sample_rate` is in hertz, `bpm` the tempo, and `key`
    (such as ``"A minor"``) the key.
    """
    chance = dice(key_of(input, index, "song"))
    words = prompt_of(input)[:4000].lower()
    rate, seconds = _rate_of(input), seconds_of(input, default=8.0, longest=60.0)
    fitting = [it for it in load("sounds")["moods"]["tempo"] if any(word in words for word in it["words"])]
    usual, asked = chance.uniform(fitting[-1]["low"], fitting[-1]["high"]), number(input, "bpm", "tempo")
    beat = 60 / (usual if asked is None else min(240.0, max(40.0, asked)))
    root, mode = _key(input, words, chance)
    scale, chords = load("sounds")["scales"][mode], chance.choice(load("sounds")["chords"][mode])
    rhythm = chance.choice(load("sounds")["rhythms"]["bars"])
    out = np.zeros((int(seconds * rate), 2), np.float32)

    def play(name: str, at: float, base: int, degree: int, length: float, loud: float, side: float) -> None:
        octave, step = divmod(degree, 7)
        pitch = 440 * 2 ** ((base + scale[step] + 12 * octave - 69) / 12)
        start = int(at * rate)
        part = _tone(name, pitch, length, rate)[: max(0, len(out) - start)] * np.float32(loud)
        out[start : start + len(part), 0] += part * np.float32(1 - max(0.0, side) * 0.7)
        out[start : start + len(part), 1] += part * np.float32(1 + min(0.0, side) * 0.7)

    at, bar, last = 0.0, 0, 4
    while at < seconds:
        degree = chords[bar % 4]
        for step, third in enumerate((0, 2, 4)):
            play("pad", at, root, degree + third, beat * 4.2, 0.15, -0.5 + 0.5 * step)
        for half in (0, 2):
            play("bass", at + half * beat, root - 24, degree, beat * 1.9, 0.42, 0)
        for n, step in enumerate((0, 2, 4, 7, 4, 2, 4, 2)):
            play("pluck", at + n * beat / 2, root, degree + step, beat, 0.16, 0.55)
        when = at
        for length in rhythm if bar % 4 != 3 else (2, 2):
            # the melody goes on close to its last note, and mostly in the chord
            near = [n for n in range(-1, 9) if abs(n - last) <= 3]
            near = [n for n in near if (n - degree) % 7 in (0, 2, 4) or chance.random() < 0.3]
            last = chance.choice(near or [degree % 7])
            if chance.random() < 0.88:
                play("bell", when, root + 12, last, beat * length * 1.3, 0.3, -0.25)
            when += length * beat
        at, bar = at + 4 * beat, bar + 1
    wet = _echo(out, rate, seconds=beat * 0.75, strength=0.34)
    return _to_wav(_fade(wet, rate, fall=min(1.6, seconds / 3)), rate)


@lru_cache(maxsize=256)  # songs repeat themselves
def _tone(name: str, pitch: float, seconds: float, rate: int) -> Sound:
    it = load("sounds")["instruments"][name]
    t = np.arange(max(16, int(seconds * rate)), dtype=np.float32) / np.float32(rate)
    tone = np.zeros(len(t), np.float32)
    for multiple, strength in it["overtones"]:
        if pitch * multiple < rate * 0.45:
            tone += np.float32(strength) * np.sin(np.float32(2 * np.pi * pitch * multiple) * t)
    tone *= np.exp(np.float32(-it["decay"]) * t)
    return _fade(tone, rate, rise=it["rise"], fall=min(it["fall"], seconds / 2))


def _key(input: Mapping[str, Any], words: str, chance: random.Random) -> tuple[int, str]:
    asked = input.get("key")
    name = asked.strip().lower() if isinstance(asked, str) else ""
    sad = any(word in words for word in load("sounds")["moods"]["dark"]) or chance.random() < 0.3
    root = 57 + chance.choice((0, 2, 3, 5, 7))
    if name[:1] in _NOTES and name:
        sharp = 1 if name[1:2] in ("#", "♯") else -1 if name[1:2] in ("b", "♭") else 0
        root = 54 + (_NOTES[name[0]] + sharp - 6) % 12
    return root, "minor" if "min" in name or (not name and sad) else "major"


def speak(input: Mapping[str, Any], *, index: int = 0) -> bytes:
    """Return a text said as a soft wordless voice, or the sound it names, as a 16-bit mono WAV file.

    It is as long as the text needs unless asked otherwise, and 60 s at most.
    """
    key = key_of(input, index, "voice")
    words, rate = prompt_of(input)[:4000].lower(), _rate_of(input)
    if re.search(rf"\b(?:{load('sounds')['noises']['words']})", words):
        seconds = seconds_of(input, default=6.0, longest=60.0)
        return _to_wav(_fade(_surf(words, seconds, rate, key), rate, rise=0.4, fall=0.8), rate, peak=0.6)
    # A pause before the first vowel would be silence; a text without Latin vowels is hummed.
    voiced = re.sub("^[^aeiouy]+", "", words)
    vowels = re.findall("[aeiouy]+|[.,;!?]", voiced) or list("aeoua")
    seconds = seconds_of(input, default=min(12.0, 0.6 + 0.22 * len(vowels)), longest=60.0)
    hum = _hum(vowels, seconds, rate, key, fill=number(input, *LENGTHS) is not None)
    return _to_wav(_fade(_echo(hum, rate, seconds=0.09, strength=0.22), rate, fall=0.25), rate, peak=0.7)


def _hum(vowels: list[str], seconds: float, rate: int, key: int, *, fill: bool) -> Sound:
    chance = dice(key)
    out = np.zeros(int(seconds * rate), np.float32)
    base, at, n = chance.uniform(120, 210), 0.12, 0
    while at < seconds - 0.2 and (fill or n < len(vowels)):
        mark = vowels[n % len(vowels)]
        n += 1
        if mark in ".,;!?":
            at += 0.28
            continue
        length = chance.uniform(0.16, 0.24) + 0.05 * (len(mark) - 1)
        t = np.arange(int(length * 1.15 * rate), dtype=np.float32) / np.float32(rate)
        pitch = base * (1.12 - 0.2 * min(1.0, at / seconds)) * chance.uniform(0.94, 1.07)
        bend = (pitch * t + (chance.uniform(-0.1, 0.06) * pitch) * t * t / (2 * length)).astype(np.float32)
        first, second = load("sounds")["vowels"][mark[0]]
        sound = np.zeros(len(t), np.float32)
        for partial in range(1, int(min(2800, rate * 0.45) / pitch) + 1):
            hz = partial * pitch
            loud = 1 / (1 + ((hz - first) / 110) ** 2) + 0.5 / (1 + ((hz - second) / 150) ** 2) + 0.03
            sound += np.float32(loud / partial**0.35) * np.sin(np.float32(2 * np.pi * partial) * bend)
        swell = np.sin(np.pi * np.clip(t / (length * 1.15), 0, 1)) ** 0.7
        start = int(at * rate)
        part = (sound * swell)[: len(out) - start]
        out[start : start + len(part)] += part
        at += length
    return out


def _surf(words: str, seconds: float, rate: int, key: int) -> Sound:
    """Return noise with most of its strength low down, swelling slowly as waves and wind do."""
    rng = np.random.default_rng(key)
    count = int(seconds * rate)
    spectrum = np.fft.rfft(rng.standard_normal(count).astype(np.float32))
    hz = np.fft.rfftfreq(count, 1 / rate) + 1
    low, slope = (900.0, 1.0) if "rain" in words else (260.0, 1.4)
    sound = np.fft.irfft(spectrum / (1 + (hz / low) ** slope), count)
    t, period = np.arange(count) / rate, rng.uniform(4, 6)
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * t / period - 1.2) * np.sin(2 * np.pi * t / (period * 2.7) + 1)
    return (sound * (0.85 + 0.15 * swell if "rain" in words else swell)).astype(np.float32)


def _rate_of(input: Mapping[str, Any]) -> int:
    """Return the sample rate in hertz: what was asked for between 8000 and 48000, else 44100."""
    asked = number(input, "sample_rate")
    return int(asked) if asked is not None and 8000 <= asked <= 48000 else 44100


def _to_wav(sound: Sound, rate: int, *, peak: float = 0.82) -> bytes:
    """Return a sound, (samples,) or (samples, channels), as a 16-bit WAV file that peaks at `peak`."""
    loudest = float(np.abs(sound).max()) if sound.size else 0.0
    scaled = sound * np.float32(32767 * peak / loudest) if loudest > 0 else sound
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1 if sound.ndim == 1 else sound.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(scaled.astype("<i2").tobytes())
    return file.getvalue()


def _fade(sound: Sound, rate: int, *, rise: float = 0.01, fall: float = 0.6) -> Sound:
    """Return the sound with a soft start and end, `rise` and `fall` in seconds."""
    count = len(sound)
    up, down = max(1, min(count // 2, int(rise * rate))), max(1, min(count // 2, int(fall * rate)))
    ease = np.ones(count, np.float32)
    ease[:up] = np.linspace(0, 1, up)
    ease[count - down :] *= np.linspace(1, 0, down) ** 1.5
    return (sound * (ease if sound.ndim == 1 else ease[:, None])).astype(np.float32)


def _echo(sound: Sound, rate: int, *, seconds: float, strength: float) -> Sound:
    """Return the sound with three fading repeats; a stereo sound's repeats change sides."""
    wet, gap = sound.copy(), max(1, int(seconds * rate))
    for n in range(1, 4):
        part = sound[: max(0, len(sound) - n * gap)]
        wet[n * gap :] += (part[:, ::-1] if sound.ndim == 2 and n % 2 else part) * np.float32(strength**n)
    return wet
