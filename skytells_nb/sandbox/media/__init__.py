"""What the sandbox's models hand back: pictures, clips, songs and voices, drawn from prompt and seed.

Nothing here knows of HTTP or of predictions. `draw` turns a model's kind and its input into bytes, offline
and in a fraction of a second; the same input always gives the same picture. Pillow, numpy and PyAV are
imported only when something is drawn, so importing this package costs next to nothing.

What it can paint is data: drawings, places, lights, words and models are the TOML files in ``data``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

__all__ = ["draw", "file_type"]

_FIXED = {
    "image": ("image/png", "png"),
    "music": ("audio/wav", "wav"),
    "audio": ("audio/wav", "wav"),
}


def file_type(kind: str) -> tuple[str, str]:
    """Return the MIME type and the extension of what `draw` would make, without drawing it.

    A video is MP4 where PyAV is installed and an animated WebP elsewhere. ValueError if the kind is none that
    `draw` knows.
    """
    if kind == "video":
        return ("video/mp4", "mp4") if find_spec("av") else ("image/webp", "webp")
    if kind not in _FIXED:
        raise ValueError(f"the sandbox draws image, video, music and audio, not {kind!r}")
    return _FIXED[kind]


def draw(
    kind: str, input: Mapping[str, Any], *, index: int = 0, model: str = "", picture: bytes | None = None
) -> tuple[bytes, str]:
    """Draw one output of a prediction, and return the file's content and its MIME type.

    Drawing never fails because of what was asked: odd or missing values fall back to a default.

    `kind` is ``"image"``, ``"video"``, ``"music"`` or ``"audio"``; ValueError for any other. Of the `input`
    are read `prompt`, `seed`, the sizes (`width`, `height`, `aspect_ratio`, `resolution`), the
    lengths (`duration_seconds`, `seconds`, `duration`), `sample_rate`, `bpm` and `key`. `index` is which of
    the prediction's outputs this is; each is another variation. The pictures of each `model` look
    differently, as ``data/models.toml`` says. With an input `picture` an upscaler enlarges it, other models
    edit it by the prompt's words, and a clip begins with it; bytes that are no picture count as none.
    """
    mime, _ = file_type(kind)
    # Pillow and numpy take some tenths of a second to import, which only who draws has to wait for.
    if kind == "image":
        from ._picture import draw_picture

        return draw_picture(input, index=index, model=model, picture=picture), mime
    if kind == "video":
        from ._picture import draw_clip

        return draw_clip(input, mp4=mime == "video/mp4", index=index, picture=picture), mime
    from ._sound import play_song, speak

    return (play_song if kind == "music" else speak)(input, index=index), mime
