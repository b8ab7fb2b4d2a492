"""From a prompt to a scene: the place, the light, the weather and who is in it. No pixel in sight."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .asked import dice, key_of, prompt_of
from .vocabulary import (
    ANYWHERE,
    HABITAT,
    LIGHTS,
    PLACES,
    STYLES,
    SUBJECTS,
    TINTS,
    USUAL_LIGHT,
    WEATHERS,
    Rules,
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a prompt asks to see.

    `place`, `light`, `weather`, `subject` and `style` are names from the vocabulary (`""` for none); `snowy`
    says that snow lies; `tint` is a colour the prompt names, as RGB; `words` is the prompt in lower case;
    `key` is the number that decides whatever the prompt leaves open.
    """

    place: str
    light: str
    weather: str
    subject: str
    style: str
    snowy: bool
    tint: tuple[int, int, int] | None
    words: str
    key: int

    def says(self, pattern: str) -> bool:
        """Tell whether the prompt holds one of these words (a pattern, matched at word borders)."""
        return _has(self.words, pattern)


def read_scene(input: Mapping[str, Any], *, index: int = 0) -> Scene:
    """Read the scene out of an input.

    Parameters
    ----------
    input
        The prediction's input; `prompt` and `seed` count.
    index
        Which variation.

    Returns
    -------
    Scene
        Always one: a prompt without a known word gets a landscape its hash picks.

    Examples
    --------
    >>> scene = read_scene({"prompt": "A red fox in snow, moonlight"})
    >>> scene.subject, scene.light, scene.snowy
    ('fox', 'night', True)
    """
    words = prompt_of(input)[:4000].lower()
    key = key_of(input, index)
    chance = dice(key)
    subject, weather = _first(SUBJECTS, words), _first(WEATHERS, words)
    place = _first(PLACES, words)
    if not place and subject and weather != "snow":
        place = HABITAT[subject]
    if not place:
        place = "hills" if weather == "snow" else _somewhere(words, chance)
    light = _first(LIGHTS, words)
    style = _first(STYLES, words)
    if not light and style:
        light = "day"  # a style of lines and tones wants plain light
    if not light:
        light = "overcast" if weather in ("rain", "fog") else chance.choice(USUAL_LIGHT[place])
        if _has(words, "cinematic|dramatic|epic|atmospheric") and place not in (
            "portrait",
            "still",
            "abstract",
        ):
            light = (
                chance.choice(("golden", "morning"))
                if weather == "snow"
                else chance.choice(("golden", "sunset", "dusk"))
            )
        elif weather == "snow":
            light = "morning" if place == "forest" else "day"
    tint = next((TINTS[name] for name in re.findall(r"[a-z]+", words) if name in TINTS), None)
    return Scene(
        place=place,
        light="night" if place == "space" else light,
        weather=weather,
        subject=subject,
        style=style,
        snowy=weather == "snow",
        tint=tint,
        words=words,
        key=key,
    )


def _somewhere(words: str, chance: random.Random) -> str:
    place = chance.choice(ANYWHERE)
    if place == "forest" and _first(LIGHTS, words) not in ("", "day"):
        return "lake"  # who asks for a light alone wants to see the sky
    return place


def _first(rules: Rules, words: str) -> str:
    return next((name for name, pattern in rules if _has(words, pattern)), "")


def _has(words: str, pattern: str) -> bool:
    return re.search(rf"(?<![a-z])(?:{pattern})(?![a-z])", words) is not None
