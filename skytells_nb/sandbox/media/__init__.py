"""What the sandbox's models hand back: pictures, clips, songs and texts, drawn from prompt and seed.

Nothing here knows of HTTP or of predictions. `draw` turns a model's kind and its input into bytes, offline
and in a fraction of a second; the same input always gives the same picture. Pillow, numpy and PyAV are
imported only when something is drawn, so importing this package costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["draw", "file_type", "write_text"]

_FIXED = {
    "image": ("image/png", "png"),
    "music": ("audio/wav", "wav"),
    "audio": ("audio/wav", "wav"),
    "text": ("text/plain", "txt"),
}


def file_type(kind: str, input: Mapping[str, Any]) -> tuple[str, str]:
    """Tell what `draw` would return for this input, without drawing it.

    Parameters
    ----------
    kind
        ``"image"``, ``"video"``, ``"music"``, ``"audio"`` or ``"text"``.
    input
        The prediction's input, as it was sent.

    Returns
    -------
    tuple of (str, str)
        The MIME type and the file extension without its dot. A video is MP4 where PyAV is installed and an
        animated WebP elsewhere.

    Raises
    ------
    ValueError
        The kind is none of the five.

    Examples
    --------
    >>> file_type("image", {"prompt": "a red fox"})
    ('image/png', 'png')
    """
    del input  # every format so far depends on the kind alone; callers need not know that
    if kind == "video":
        from ._clip import can_encode_mp4

        return ("video/mp4", "mp4") if can_encode_mp4() else ("image/webp", "webp")
    if kind not in _FIXED:
        raise ValueError(_unknown(kind))
    return _FIXED[kind]


def draw(kind: str, input: Mapping[str, Any], *, index: int = 0) -> tuple[bytes, str]:
    r"""Draw one output of a prediction.

    Parameters
    ----------
    kind
        ``"image"``, ``"video"``, ``"music"``, ``"audio"`` or ``"text"``.
    input
        The prediction's input. Read are `prompt`, `seed`, the sizes (`width`, `height`, `aspect_ratio`,
        `resolution`), the lengths (`duration_seconds`, `seconds`, `duration`), `sample_rate`, `bpm` and
        `key`. Odd or missing values fall back to a default: drawing never fails because of what was asked.
    index
        Which of the prediction's outputs this is; each index is another variation.

    Returns
    -------
    tuple of (bytes, str)
        The file's content and its MIME type.

    Raises
    ------
    ValueError
        The kind is none of the five.

    Examples
    --------
    >>> content, mime = draw("image", {"prompt": "a red fox in snow", "seed": 7, "width": 256, "height": 256})
    >>> mime, content[:4]
    ('image/png', b'\x89PNG')
    """
    if kind == "image":
        from ._picture import draw_picture

        return draw_picture(input, index=index), "image/png"
    if kind == "video":
        from ._clip import draw_clip

        return draw_clip(input, index=index)
    if kind == "music":
        from ._song import play_song

        return play_song(input, index=index), "audio/wav"
    if kind == "audio":
        from ._voice import speak

        return speak(input, index=index), "audio/wav"
    if kind == "text":
        return write_text(input).encode(errors="replace"), "text/plain"
    raise ValueError(_unknown(kind))


def write_text(input: Mapping[str, Any]) -> str:
    """Answer for a text model: short, pleasant, the same each time, and plainly the sandbox's.

    Parameters
    ----------
    input
        The prediction's input: a `prompt`, or `messages` of which the last from the user counts.

    Returns
    -------
    str
        A few sentences about what was asked.

    Examples
    --------
    >>> "sandbox" in write_text({"prompt": "Why is the sea blue?"})
    True
    """
    from ._prose import answer

    return answer(input)


def _unknown(kind: object) -> str:
    return (
        f"the sandbox draws image, video, music, audio and text, not {kind!r}; give one of these five kinds"
    )
